-- Conversions of this slice's dirty bills. `met` is one branch a distinct question, UNION ALL, over the candidates that
-- ask it; a candidate carries its bill's columns, so that a question reads nothing twice. Rows that should be are upserted
-- and stamped; gone.sql then takes those of the same bills that were not.
WITH {{dirty}}, goal AS (
    SELECT * FROM unnest(%(campaigns)s::bigint[], %(windows)s::int[], %(anchors)s::text[], %(touches)s::text[],
                         %(questions)s::int[]) AS g (campaign_id, window_hours, anchor, touch, question)
), candidate AS MATERIALIZED (
    SELECT DISTINCT ON (s.customer_id, s.txn_at, s.id, d.campaign_id, b.basis)
           s.customer_id, s.txn_at, s.id, s.store_id, s.gross, s.discount, s.net_after_returns, s.items, s.source,
           s.payment_modes, s.coupon_codes, s.custom,
           d.campaign_id, b.basis, g.question, d.run_on, d.run_id, d.seq, d.message_id, d.channel, d.arm, b.anchor_at
    FROM dirty s
    -- Fenced, and in the order of the key, as in dirty.sql: without statistics of the newest rows the planner would come
    -- from the campaigns' side, or by another index.
    CROSS JOIN LATERAL (
        SELECT * FROM campaigns_delivery d
        WHERE d.org_id = %(org)s AND d.customer_id = s.customer_id AND d.state IN (1, 5)
          AND d.run_on >= s.oldest AND d.run_on >= %(oldest)s AND d.run_on <= %(newest)s
        ORDER BY d.run_on, d.run_id OFFSET 0
    ) d
    JOIN goal g ON g.campaign_id = d.campaign_id
    CROSS JOIN LATERAL (VALUES
        (0, CASE WHEN d.state = 1 THEN
            CASE g.anchor WHEN 'sent' THEN d.sent_at WHEN 'delivered' THEN d.delivered_at
                          WHEN 'opened' THEN d.opened_at ELSE d.clicked_at END END),
        (1, CASE WHEN d.arm = 0 AND d.state = 1 THEN d.sent_at WHEN d.arm = 1 AND d.state = 5 THEN d.state_at END)
    ) AS b (basis, anchor_at)
    WHERE NOT s.fully_returned AND b.anchor_at <= s.txn_at
      AND s.txn_at < b.anchor_at + make_interval(hours => g.window_hours)
    ORDER BY s.customer_id, s.txn_at, s.id, d.campaign_id, b.basis,
             CASE WHEN g.touch = 'first' THEN b.anchor_at END, CASE WHEN g.touch = 'first' THEN d.run_id END,
             CASE WHEN g.touch = 'first' THEN d.seq END,
             b.anchor_at DESC, d.run_id DESC, d.seq DESC
), met AS (
    {{met}}
)
INSERT INTO conversions_attribution
    (org_id, customer_id, txn_at, txn_id, campaign_id, basis, run_on, run_id, seq, message_id, channel, arm,
     sent_control, anchor_at, net, org_latest, derived_at)
SELECT %(org)s, customer_id, txn_at, id, campaign_id, basis, run_on, run_id, seq, message_id, channel, arm,
       basis = 0 AND arm = 1, anchor_at, net_after_returns, FALSE, %(at)s
FROM met
ON CONFLICT (org_id, customer_id, txn_at, txn_id, campaign_id, basis) DO UPDATE
SET run_on = excluded.run_on, run_id = excluded.run_id, seq = excluded.seq, message_id = excluded.message_id,
    channel = excluded.channel, arm = excluded.arm, sent_control = excluded.sent_control,
    anchor_at = excluded.anchor_at, net = excluded.net, derived_at = excluded.derived_at
RETURNING customer_id, campaign_id
