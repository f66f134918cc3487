unnest(%(customers)s::bigint[], %(campaigns)s::bigint[], %(first_days)s::date[], %(last_days)s::date[])
    AS x (customer_id, campaign_id, first_on, last_on)
CROSS JOIN LATERAL (
    SELECT * FROM campaigns_delivery d
    WHERE d.org_id = %(org)s AND d.customer_id = x.customer_id AND d.campaign_id = x.campaign_id
      AND d.run_on >= x.first_on AND d.run_on <= x.last_on AND d.run_on >= %(oldest)s AND d.run_on <= %(newest)s
    ORDER BY d.run_on, d.run_id OFFSET 0
)
