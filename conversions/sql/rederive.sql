-- Responders and converted customers among the touched (customer, campaign), counted anew from their rows: never `+=`.
-- A campaign's rows cannot be older than its first run's day (`begins`, with what clocks may be off).
WITH pair AS (
    SELECT x.customer_id, x.campaign_id, b.begins
    FROM unnest(%(customers)s::bigint[], %(campaigns)s::bigint[]) AS x (customer_id, campaign_id)
    JOIN unnest(%(begun)s::bigint[], %(begins)s::timestamptz[]) AS b (campaign_id, begins) USING (campaign_id)
), person AS MATERIALIZED (
    SELECT customer_id, min(begins) AS begins FROM pair GROUP BY customer_id
), answered AS MATERIALIZED (
    SELECT person.customer_id, r.campaign_id, count(*) AS bills, sum(r.net) AS sales
    FROM person
    CROSS JOIN LATERAL (
        SELECT r.campaign_id, r.net FROM conversions_response r
        WHERE r.org_id = %(org)s AND r.customer_id = person.customer_id
          AND r.txn_at >= person.begins AND r.txn_at >= %(earliest)s
        OFFSET 0
    ) r
    GROUP BY person.customer_id, r.campaign_id
), converted AS MATERIALIZED (
    SELECT person.customer_id, a.campaign_id,
           count(*) FILTER (WHERE a.basis = 0) AS bills, coalesce(sum(a.net) FILTER (WHERE a.basis = 0), 0) AS value,
           count(*) FILTER (WHERE a.basis = 1) AS slot_bills, coalesce(sum(a.net) FILTER (WHERE a.basis = 1), 0) AS slot_value
    FROM person
    CROSS JOIN LATERAL (
        SELECT a.campaign_id, a.basis, a.net FROM conversions_attribution a
        WHERE a.org_id = %(org)s AND a.customer_id = person.customer_id
          AND a.txn_at >= person.begins AND a.txn_at >= %(earliest)s
        OFFSET 0
    ) a
    GROUP BY person.customer_id, a.campaign_id
), fresh AS (
    SELECT x.customer_id, x.campaign_id, coalesce(a.bills, 0) AS responses, coalesce(a.sales, 0) AS response_sales,
           coalesce(c.bills, 0) AS conversions, coalesce(c.value, 0) AS conversion_value,
           coalesce(c.slot_bills, 0) AS slot_conversions, coalesce(c.slot_value, 0) AS slot_value
    FROM pair x
    LEFT JOIN answered a USING (customer_id, campaign_id)
    LEFT JOIN converted c USING (customer_id, campaign_id)
)
-- Upserted key by key: without statistics of rows just written, a join would read the whole table.
INSERT INTO conversions_campaigncustomer AS kept
    (org_id, customer_id, campaign_id, arm, first_at, sent_control, delivered, opened, clicked, late_run_on, late_at,
     responses, response_sales, conversions, conversion_value, slot_conversions, slot_value)
SELECT %(org)s, f.customer_id, f.campaign_id, p.arm, p.first_at, p.sent_control, p.delivered, p.opened, p.clicked,
       p.late_run_on, p.late_at, f.responses, f.response_sales, f.conversions, f.conversion_value,
       f.slot_conversions, f.slot_value
FROM fresh f
CROSS JOIN LATERAL (
    SELECT * FROM conversions_campaigncustomer p
    WHERE p.org_id = %(org)s AND p.customer_id = f.customer_id AND p.campaign_id = f.campaign_id
    OFFSET 0
) p
WHERE (p.responses, p.response_sales, p.conversions, p.conversion_value, p.slot_conversions, p.slot_value)
      IS DISTINCT FROM
      (f.responses, f.response_sales, f.conversions, f.conversion_value, f.slot_conversions, f.slot_value)
ON CONFLICT (org_id, customer_id, campaign_id) DO UPDATE
SET responses = excluded.responses, response_sales = excluded.response_sales, conversions = excluded.conversions,
    conversion_value = excluded.conversion_value, slot_conversions = excluded.slot_conversions,
    slot_value = excluded.slot_value
