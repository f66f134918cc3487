-- Where the bills lie that changed in the window, by customer and month (UTC, as the partitions). A bill that got
-- another time or another customer leaves derived rows behind: those places too. One that never changed cannot have.
WITH changed AS MATERIALIZED (
    SELECT id, customer_id, txn_at, received_at < changed_at AS again
    FROM audiences_transaction
    WHERE org_id = %(org)s AND changed_at >= %(since)s AND changed_at < %(until)s
), place AS (
    SELECT customer_id, txn_at FROM changed
    UNION ALL
    SELECT left_behind.* FROM changed c
    CROSS JOIN LATERAL (
        SELECT a.customer_id, a.txn_at FROM conversions_attribution a WHERE a.org_id = %(org)s AND a.txn_id = c.id
        UNION ALL
        SELECT r.customer_id, r.txn_at FROM conversions_response r WHERE r.org_id = %(org)s AND r.txn_id = c.id
        OFFSET 0
    ) left_behind
    WHERE c.again AND (left_behind.customer_id, left_behind.txn_at) <> (c.customer_id, c.txn_at)
)
SELECT customer_id, date_trunc('month', txn_at AT TIME ZONE 'UTC')::date AS month, min(txn_at), max(txn_at)
FROM place
GROUP BY 1, 2
