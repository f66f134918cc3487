-- Which of several campaigns that count the same bill is the org's (G-18): the one with the latest anchor of all.
WITH ranked AS (
    SELECT a.customer_id, a.txn_at, a.txn_id, a.campaign_id,
           row_number() OVER (PARTITION BY a.customer_id, a.txn_at, a.txn_id
                              ORDER BY a.anchor_at DESC, a.run_id DESC, a.seq DESC) = 1 AS latest
    FROM conversions_attribution a
    WHERE a.org_id = %(org)s AND a.customer_id = ANY(%(customers)s::bigint[])
      AND a.txn_at >= %(lo)s AND a.txn_at <= %(hi)s AND a.basis = 0 AND a.arm = 0
)
UPDATE conversions_attribution a
SET org_latest = r.latest
FROM ranked r
WHERE a.org_id = %(org)s AND a.customer_id = ANY(%(customers)s::bigint[])
  AND a.txn_at >= %(lo)s AND a.txn_at <= %(hi)s
  AND a.customer_id = r.customer_id AND a.txn_at = r.txn_at AND a.txn_id = r.txn_id
  AND a.campaign_id = r.campaign_id AND a.basis = 0 AND a.org_latest <> r.latest
