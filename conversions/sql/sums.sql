-- Sums over people by campaign and arm, in the order of `figures.COLUMNS`. A sent-to control customer is
-- counted as targeted and as such only (M-24).
SELECT campaign_id, arm, count(*), count(first_at), count(*) FILTER (WHERE sent_control),
       count(*) FILTER (WHERE delivered), count(*) FILTER (WHERE opened), count(*) FILTER (WHERE clicked),
       count(*) FILTER (WHERE responses > 0), coalesce(sum(responses), 0), coalesce(sum(response_sales), 0),
       coalesce(sum(response_sales::numeric * response_sales), 0),
       count(*) FILTER (WHERE conversions > 0), coalesce(sum(conversions), 0), coalesce(sum(conversion_value), 0),
       count(*) FILTER (WHERE slot_conversions > 0), coalesce(sum(slot_conversions), 0), coalesce(sum(slot_value), 0)
FROM {{people}}
GROUP BY campaign_id, arm
