-- Responses of this slice's dirty bills (M-16): sales at or after the customer's first Sent row of the campaign (control:
-- first would-send time), from its start to its end. Upserted and stamped as in attribution.sql.
WITH {{dirty}}, campaign AS (
    SELECT * FROM unnest(%(dated)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS c (campaign_id, starts_at, ends_at)
)
INSERT INTO conversions_response (org_id, customer_id, txn_at, txn_id, campaign_id, arm, net, derived_at)
SELECT %(org)s, s.customer_id, s.txn_at, s.id, p.campaign_id, p.arm, s.net_after_returns, %(at)s
FROM dirty s
CROSS JOIN LATERAL (
    SELECT p.campaign_id, p.arm FROM conversions_campaigncustomer p
    WHERE p.org_id = %(org)s AND p.customer_id = s.customer_id
      AND p.campaign_id >= %(first_dated)s AND p.campaign_id <= %(last_dated)s AND p.first_at <= s.txn_at
    OFFSET 0
) p
JOIN campaign c ON c.campaign_id = p.campaign_id AND c.starts_at <= s.txn_at AND s.txn_at < c.ends_at
WHERE NOT s.fully_returned
ON CONFLICT (org_id, customer_id, txn_at, txn_id, campaign_id) DO UPDATE
SET arm = excluded.arm, net = excluded.net, derived_at = excluded.derived_at
RETURNING customer_id, campaign_id
