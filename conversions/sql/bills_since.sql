-- Where the sales of these customers lie from a time of each on, by month (UTC, as the partitions).
SELECT x.customer_id, b.month, b.lo, b.hi, x.since
FROM unnest(%(customers)s::bigint[], %(sinces)s::timestamptz[]) AS x (customer_id, since)
CROSS JOIN LATERAL (
    SELECT date_trunc('month', t.txn_at AT TIME ZONE 'UTC')::date AS month, min(t.txn_at) AS lo, max(t.txn_at) AS hi
    FROM (
        SELECT txn_at FROM audiences_transaction t
        WHERE t.org_id = %(org)s AND t.customer_id = x.customer_id AND t.kind = 'sale'
          AND t.txn_at >= x.since AND t.txn_at >= %(earliest)s AND t.txn_at < %(before)s
        ORDER BY t.txn_at, t.id OFFSET 0
    ) t
    GROUP BY 1
    OFFSET 0
) b
