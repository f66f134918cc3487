-- Attribution of this slice's dirty bills. The dirty bills are dirty.sql; `met` is one branch a distinct question,
-- UNION ALL, over the candidates that ask it. Idempotent: rows that should be are upserted, others of the same bills go.
WITH {{dirty}}, goal AS (
    SELECT * FROM unnest(%(campaigns)s::bigint[], %(windows)s::int[], %(anchors)s::text[], %(touches)s::text[],
                         %(questions)s::int[]) AS g (campaign_id, window_hours, anchor, touch, question)
), candidate AS MATERIALIZED (
    SELECT DISTINCT ON (s.customer_id, s.txn_at, s.id, d.campaign_id, b.basis)
           s.customer_id, s.txn_at, s.id, d.campaign_id, b.basis, g.question,
           d.run_on, d.run_id, d.seq, d.message_id, d.channel, d.arm, b.anchor_at
    FROM dirty s
    JOIN campaigns_delivery d
      ON d.org_id = %(org)s AND d.customer_id = s.customer_id AND d.state IN (1, 5)
     AND d.run_on >= %(oldest)s AND d.run_on <= %(newest)s
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
), met AS MATERIALIZED (
    {{met}}
), kept AS (
    INSERT INTO conversions_attribution
        (org_id, customer_id, txn_at, txn_id, campaign_id, basis, run_on, run_id, seq, message_id, channel, arm,
         sent_control, anchor_at, net, org_latest)
    SELECT %(org)s, customer_id, txn_at, id, campaign_id, basis, run_on, run_id, seq, message_id, channel, arm,
           basis = 0 AND arm = 1, anchor_at, net, FALSE
    FROM met
    ON CONFLICT (org_id, customer_id, txn_at, txn_id, campaign_id, basis) DO UPDATE
    SET run_on = excluded.run_on, run_id = excluded.run_id, seq = excluded.seq, message_id = excluded.message_id,
        channel = excluded.channel, arm = excluded.arm, sent_control = excluded.sent_control,
        anchor_at = excluded.anchor_at, net = excluded.net
    RETURNING 1
), gone AS (
    DELETE FROM conversions_attribution a
    WHERE a.org_id = %(org)s AND a.customer_id = ANY(%(customers)s::bigint[])
      AND (NOT EXISTS (SELECT FROM audiences_transaction t
                       WHERE t.org_id = %(org)s AND t.customer_id = a.customer_id AND t.txn_at = a.txn_at AND t.id = a.txn_id)
           OR EXISTS (SELECT FROM dirty s
                      WHERE s.customer_id = a.customer_id AND s.txn_at = a.txn_at AND s.id = a.txn_id)
          AND NOT EXISTS (SELECT FROM met m
                          WHERE m.customer_id = a.customer_id AND m.txn_at = a.txn_at AND m.id = a.txn_id
                            AND m.campaign_id = a.campaign_id AND m.basis = a.basis))
    RETURNING 1
)
SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM gone)
