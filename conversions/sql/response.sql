-- Responses of this slice's dirty bills (M-16): sales at or after the customer's first Sent row of the campaign (control:
-- first would-send time), from its start to its end.
WITH {{dirty}}, campaign AS (
    SELECT * FROM unnest(%(dated)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS c (campaign_id, starts_at, ends_at)
), met AS MATERIALIZED (
    SELECT s.customer_id, s.txn_at, s.id, p.campaign_id, p.arm, s.net_after_returns AS net
    FROM dirty s
    JOIN conversions_campaigncustomer p ON p.org_id = %(org)s AND p.customer_id = s.customer_id AND p.first_at <= s.txn_at
    JOIN campaign c ON c.campaign_id = p.campaign_id AND c.starts_at <= s.txn_at AND s.txn_at < c.ends_at
    WHERE NOT s.fully_returned
), kept AS (
    INSERT INTO conversions_response (org_id, customer_id, txn_at, txn_id, campaign_id, arm, net)
    SELECT %(org)s, customer_id, txn_at, id, campaign_id, arm, net FROM met
    ON CONFLICT (org_id, customer_id, txn_at, txn_id, campaign_id) DO UPDATE SET arm = excluded.arm, net = excluded.net
    RETURNING 1
), gone AS (
    DELETE FROM conversions_response a
    WHERE a.org_id = %(org)s AND a.customer_id = ANY(%(customers)s::bigint[])
      AND (NOT EXISTS (SELECT FROM audiences_transaction t
                       WHERE t.org_id = %(org)s AND t.customer_id = a.customer_id AND t.txn_at = a.txn_at AND t.id = a.txn_id)
           OR EXISTS (SELECT FROM dirty s
                      WHERE s.customer_id = a.customer_id AND s.txn_at = a.txn_at AND s.id = a.txn_id)
          AND NOT EXISTS (SELECT FROM met m
                          WHERE m.customer_id = a.customer_id AND m.txn_at = a.txn_at AND m.id = a.txn_id
                            AND m.campaign_id = a.campaign_id))
    RETURNING 1
)
SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM gone)
