-- Responders and converted customers of this slice, counted anew from their rows: never `+=`.
WITH answered AS (
    SELECT customer_id, campaign_id, count(*) AS bills, sum(net) AS sales
    FROM conversions_response
    WHERE org_id = %(org)s AND customer_id = ANY(%(customers)s::bigint[])
    GROUP BY customer_id, campaign_id
), converted AS (
    SELECT customer_id, campaign_id,
           count(*) FILTER (WHERE basis = 0) AS bills, coalesce(sum(net) FILTER (WHERE basis = 0), 0) AS value,
           count(*) FILTER (WHERE basis = 1) AS slot_bills, coalesce(sum(net) FILTER (WHERE basis = 1), 0) AS slot_value
    FROM conversions_attribution
    WHERE org_id = %(org)s AND customer_id = ANY(%(customers)s::bigint[])
    GROUP BY customer_id, campaign_id
), fresh AS (
    SELECT p.customer_id, p.campaign_id, coalesce(a.bills, 0) AS responses, coalesce(a.sales, 0) AS response_sales,
           coalesce(c.bills, 0) AS conversions, coalesce(c.value, 0) AS conversion_value,
           coalesce(c.slot_bills, 0) AS slot_conversions, coalesce(c.slot_value, 0) AS slot_value
    FROM conversions_campaigncustomer p
    LEFT JOIN answered a USING (customer_id, campaign_id)
    LEFT JOIN converted c USING (customer_id, campaign_id)
    WHERE p.org_id = %(org)s AND p.customer_id = ANY(%(customers)s::bigint[])
)
UPDATE conversions_campaigncustomer p
SET responses = f.responses, response_sales = f.response_sales, conversions = f.conversions,
    conversion_value = f.conversion_value, slot_conversions = f.slot_conversions, slot_value = f.slot_value
FROM fresh f
WHERE p.org_id = %(org)s AND p.customer_id = ANY(%(customers)s::bigint[]) AND p.customer_id = f.customer_id AND p.campaign_id = f.campaign_id
  AND (p.responses, p.response_sales, p.conversions, p.conversion_value, p.slot_conversions, p.slot_value)
      IS DISTINCT FROM
      (f.responses, f.response_sales, f.conversions, f.conversion_value, f.slot_conversions, f.slot_value)
