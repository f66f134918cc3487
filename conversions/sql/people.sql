-- People of campaigns, derived anew from all deliveries of each (customer, campaign) of the slice. Test: the first Sent
-- row. Control: the first Held out one; a control customer who was really sent to belongs to no arm of a comparison
-- (M-24). Answers with the customers whose bills must be looked at again, and from when on: from the earliest row that
-- changed; from the first of all where a control customer held out before was now sent to, or has rows of both arms.
WITH fact AS (
    SELECT d.customer_id, d.campaign_id, min(d.arm) AS arm,
           bool_or(d.arm = 1 AND d.state = 1) AS sent_control,
           min(CASE WHEN d.arm = 0 AND d.state = 1 THEN d.sent_at WHEN d.arm = 1 AND d.state = 5 THEN d.state_at END) AS first_at,
           bool_or(d.arm = 0 AND d.state = 1 AND d.delivered_at IS NOT NULL) AS delivered,
           bool_or(d.arm = 0 AND d.state = 1 AND d.opened_at IS NOT NULL) AS opened,
           bool_or(d.arm = 0 AND d.state = 1 AND d.clicked_at IS NOT NULL) AS clicked,
           min(d.run_on) FILTER (WHERE anchor.late) AS late_run_on,
           max(anchor.last_at) FILTER (WHERE anchor.late) AS late_at,
           CASE WHEN min(d.arm) <> max(d.arm)
                  OR bool_or(d.arm = 1 AND d.state = 5) AND bool_or(d.arm = 1 AND d.state = 1 AND anchor.changed)
                THEN min(anchor.first_at)
                ELSE min(anchor.first_at) FILTER (WHERE anchor.changed) END AS since
    FROM {{deliveries}} d
    CROSS JOIN LATERAL (
        SELECT *, last_at >= (d.run_on + %(late)s)::timestamp AT TIME ZONE 'UTC' AS late
        FROM (SELECT d.anchors_changed_at >= %(since)s AND d.anchors_changed_at < %(until)s AS changed,
                     CASE WHEN d.state IN (1, 5)
                     THEN least(d.sent_at, d.state_at, d.delivered_at, d.opened_at, d.clicked_at) END AS first_at,
                     CASE d.state WHEN 1 THEN greatest(d.sent_at, d.delivered_at, d.opened_at, d.clicked_at)
                                  WHEN 5 THEN d.state_at END AS last_at) AS of_row
    ) AS anchor
    GROUP BY d.customer_id, d.campaign_id
), written AS (
    INSERT INTO conversions_campaigncustomer
        (org_id, customer_id, campaign_id, arm, first_at, sent_control, delivered, opened, clicked, late_run_on, late_at,
         responses, response_sales, conversions, conversion_value, slot_conversions, slot_value)
    SELECT %(org)s, customer_id, campaign_id, arm, CASE WHEN NOT sent_control THEN first_at END, sent_control,
           delivered, opened, clicked, late_run_on, late_at, 0, 0, 0, 0, 0, 0
    FROM fact
    ON CONFLICT (org_id, customer_id, campaign_id) DO UPDATE
    SET arm = excluded.arm, first_at = excluded.first_at, sent_control = excluded.sent_control,
        delivered = excluded.delivered, opened = excluded.opened, clicked = excluded.clicked,
        late_run_on = excluded.late_run_on, late_at = excluded.late_at
)
SELECT customer_id, min(since) FROM fact WHERE since IS NOT NULL GROUP BY customer_id ORDER BY customer_id
