-- Derived rows of this slice that were not derived again and are true no more: their bill was looked at, or is no sale,
-- or is no more because it got another time or another customer.
DELETE FROM {{table}} a
USING (
    SELECT old.customer_id, old.txn_at, old.txn_id, old.campaign_id
    FROM unnest(%(customers)s::bigint[], %(sinces)s::timestamptz[]) AS c (customer_id, since)
    CROSS JOIN LATERAL (
        SELECT * FROM {{table}} old
        WHERE old.org_id = %(org)s AND old.customer_id = c.customer_id AND old.txn_at >= %(lo)s AND old.txn_at <= %(hi)s
          AND old.derived_at <> %(at)s
        OFFSET 0
    ) old
    LEFT JOIN LATERAL (
        SELECT t.changed_at FROM audiences_transaction t
        WHERE t.org_id = %(org)s AND t.customer_id = old.customer_id AND t.txn_at = old.txn_at AND t.id = old.txn_id
          AND t.txn_at >= %(lo)s AND t.txn_at <= %(hi)s AND t.kind = 'sale'
        OFFSET 0
    ) bill ON true
    WHERE bill.changed_at IS NULL OR old.txn_at >= c.since
       OR bill.changed_at >= %(since)s AND bill.changed_at < %(until)s
) gone
WHERE a.org_id = %(org)s AND a.customer_id = ANY(%(customers)s::bigint[]) AND a.txn_at >= %(lo)s AND a.txn_at <= %(hi)s
  AND a.customer_id = gone.customer_id AND a.txn_at = gone.txn_at AND a.txn_id = gone.txn_id
  AND a.campaign_id = gone.campaign_id AND a.derived_at <> %(at)s
RETURNING a.customer_id, a.campaign_id
