-- The bills of this slice that must be looked at again: of each customer those from `since` on, because deliveries
-- changed (a late receipt may move an anchor, G-16), and those that changed themselves. `oldest` goes with them: the
-- first run day whose deliveries can have to do with that customer's bills.
dirty AS MATERIALIZED (
    SELECT t.*, c.oldest
    FROM unnest(%(customers)s::bigint[], %(sinces)s::timestamptz[], %(oldests)s::date[]) AS c (customer_id, since, oldest)
    CROSS JOIN LATERAL (
        SELECT * FROM audiences_transaction t
        WHERE t.org_id = %(org)s AND t.customer_id = c.customer_id AND t.kind = 'sale'
          AND t.txn_at >= %(lo)s AND t.txn_at <= %(hi)s
          AND (t.txn_at >= c.since OR t.changed_at >= %(since)s AND t.changed_at < %(until)s)
        -- The order of the key: before the org is in the month's statistics any index that begins with it looks as good.
        ORDER BY t.txn_at, t.id OFFSET 0
    ) t
)
