-- People of campaigns, derived anew from all deliveries of each (customer, campaign) that changed in the window.
-- Reads customers of this slice only. Test: the first Sent row. Control: the first Held out one; a control customer who
-- was really sent to belongs to no arm of a comparison (M-24).
WITH fact AS (
    SELECT d.customer_id, d.campaign_id, min(d.arm) AS arm,
           bool_or(d.arm = 1 AND d.state = 1) AS sent_control,
           min(CASE WHEN d.arm = 0 AND d.state = 1 THEN d.sent_at WHEN d.arm = 1 AND d.state = 5 THEN d.state_at END) AS first_at,
           bool_or(d.arm = 0 AND d.state = 1 AND d.delivered_at IS NOT NULL) AS delivered,
           bool_or(d.arm = 0 AND d.state = 1 AND d.opened_at IS NOT NULL) AS opened,
           bool_or(d.arm = 0 AND d.state = 1 AND d.clicked_at IS NOT NULL) AS clicked
    FROM campaigns_delivery d
    WHERE d.org_id = %(org)s AND d.customer_id = ANY(%(customers)s::bigint[])
    GROUP BY d.customer_id, d.campaign_id
    HAVING bool_or(d.anchors_changed_at >= %(since)s AND d.anchors_changed_at < %(until)s)
)
INSERT INTO conversions_campaigncustomer
    (org_id, customer_id, campaign_id, arm, first_at, sent_control, delivered, opened, clicked,
     responses, response_sales, conversions, conversion_value, slot_conversions, slot_value)
SELECT %(org)s, customer_id, campaign_id, arm, CASE WHEN NOT sent_control THEN first_at END, sent_control,
       delivered, opened, clicked, 0, 0, 0, 0, 0, 0
FROM fact
ON CONFLICT (org_id, customer_id, campaign_id) DO UPDATE
SET arm = excluded.arm, first_at = excluded.first_at, sent_control = excluded.sent_control,
    delivered = excluded.delivered, opened = excluded.opened, clicked = excluded.clicked
