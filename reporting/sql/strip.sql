-- The strip's numbers of one period and scope (M-26), by campaign and over all: people and bills counted once each.
-- A row belongs to the period by its acceptance (control: its would-send time); a response must answer a row of it.
WITH contact AS MATERIALIZED (
    SELECT d.customer_id, d.campaign_id, d.arm, min(coalesce(d.sent_at, d.state_at)) AS first_at, count(*) AS n,
           count(*) FILTER (WHERE d.outcome = 2) AS delivered, count(*) FILTER (WHERE d.outcome = 4) AS no_report
    FROM campaigns_delivery d
    WHERE d.org_id = %(org)s AND d.campaign_id = ANY(%(campaigns)s::bigint[])
      AND d.run_on >= %(oldest)s AND d.run_on <= %(newest)s
      AND (d.arm = 0 AND d.state = 1 AND d.sent_at >= %(since)s AND d.sent_at < %(until)s
           OR d.arm = 1 AND d.state = 5 AND d.state_at >= %(since)s AND d.state_at < %(until)s)
    GROUP BY d.customer_id, d.campaign_id, d.arm
), answer AS MATERIALIZED (
    SELECT r.customer_id, r.campaign_id, r.arm, r.txn_at, r.txn_id, r.net
    FROM conversions_response r
    JOIN contact c ON c.customer_id = r.customer_id AND c.campaign_id = r.campaign_id AND c.arm = r.arm
                  AND c.first_at <= r.txn_at
    WHERE r.org_id = %(org)s AND r.txn_at >= %(since)s AND r.txn_at < %(until)s
), by_campaign AS (
    SELECT c.campaign_id, count(*) FILTER (WHERE c.arm = 0) AS tc, count(*) FILTER (WHERE c.arm = 1) AS cc
    FROM contact c GROUP BY c.campaign_id
), answered AS (
    SELECT campaign_id, count(DISTINCT customer_id) FILTER (WHERE arm = 0) AS tr,
           coalesce(sum(net) FILTER (WHERE arm = 0), 0) AS ts,
           count(DISTINCT customer_id) FILTER (WHERE arm = 1) AS cr
    FROM answer GROUP BY campaign_id
)
SELECT b.campaign_id, b.tc, coalesce(a.tr, 0), coalesce(a.ts, 0), b.cc, coalesce(a.cr, 0), NULL::bigint, NULL::bigint, NULL::bigint
FROM by_campaign b LEFT JOIN answered a USING (campaign_id)
UNION ALL
SELECT NULL,
       (SELECT count(DISTINCT customer_id) FROM contact WHERE arm = 0),
       (SELECT count(DISTINCT customer_id) FROM answer WHERE arm = 0),
       (SELECT coalesce(sum(net), 0) FROM (SELECT DISTINCT customer_id, txn_at, txn_id, net FROM answer WHERE arm = 0) bill),
       (SELECT count(DISTINCT customer_id) FROM conversions_attribution t
        WHERE t.org_id = %(org)s AND t.campaign_id = ANY(%(campaigns)s::bigint[]) AND t.basis = 0 AND t.arm = 0
          AND t.org_latest AND t.txn_at >= %(since)s AND t.txn_at < %(until)s),
       NULL,
       coalesce(sum(n) FILTER (WHERE arm = 0), 0), coalesce(sum(delivered) FILTER (WHERE arm = 0), 0),
       coalesce(sum(no_report) FILTER (WHERE arm = 0), 0)
FROM contact
