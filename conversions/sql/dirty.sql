-- The bills of this slice that must be looked at again: those that changed in the window, and those of customers whose
-- deliveries changed in it, from the earliest of these on (a late receipt may move an anchor, G-16).
dirty AS MATERIALIZED (
    SELECT t.*
    FROM audiences_transaction t
    WHERE t.org_id = %(org)s AND t.customer_id = ANY(%(customers)s::bigint[]) AND t.kind = 'sale'
      AND t.changed_at >= %(since)s AND t.changed_at < %(until)s
    UNION
    SELECT t.*
    FROM (
        SELECT d.customer_id, min(least(d.sent_at, d.state_at)) AS first_at
        FROM campaigns_delivery d
        WHERE d.org_id = %(org)s AND d.customer_id = ANY(%(customers)s::bigint[])
          AND d.anchors_changed_at >= %(since)s AND d.anchors_changed_at < %(until)s
          AND d.state IN (1, 5)
        GROUP BY d.customer_id
    ) late
    JOIN audiences_transaction t
      ON t.org_id = %(org)s AND t.customer_id = late.customer_id AND t.kind = 'sale' AND t.txn_at >= late.first_at
)
