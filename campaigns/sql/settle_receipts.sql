-- Bring the rows that were handed over into line with the set of their events, and count what changed.
-- Which rows: Sent and Unconfirmed, and what was released or queued again after a try and then left the queue without
-- another: Skipped or Cancelled with a try behind it, Failed with one before the one that failed. There a report tells
-- of the earlier try; of a Failed row only one that says it arrived, because refusals are reported too.
-- The result depends on nothing but that set (and, for soft bounces and silence, on the clock): in whatever order and
-- however often the same events come, the rows and their tally end alike (Q-23). The caller holds the rows' locks, so
-- this statement's snapshot has every event of whoever held them before.
-- Rows and events are found key by key (LATERAL … OFFSET 0, ON CONFLICT), whatever the planner believes of a month that
-- was empty when it was last analysed.
WITH fact AS (
    SELECT d.*, coalesce(s.receipts, 'full') AS receipts, coalesce(e.kinds, ARRAY[]::text[]) AS kinds, e.reached_at,
           e.failed_for, e.softened_for, e.first_opened_at, e.first_clicked_at,
           CASE WHEN d.state = {failed} AND e.reached_at IS NULL THEN NULL
                WHEN d.state <> {sent} THEN e.proved_at
                WHEN d.reason = '{by_report}' THEN least(d.sent_at, e.proved_at)
                ELSE d.sent_at END AS accepted_at,
           coalesce(e.softened_at < %(given_up_before)s AND NOT 'delivered' = ANY(e.kinds), false) AS gave_up
    FROM unnest(%(customer)s::bigint[], %(run_on)s::date[], %(run)s::bigint[], %(seq)s::bigint[])
         AS x(customer_id, run_on, run_id, seq)
    CROSS JOIN LATERAL (
        SELECT * FROM campaigns_delivery d
        WHERE d.org_id = %(org)s AND d.customer_id = x.customer_id AND d.run_on = x.run_on AND d.run_id = x.run_id
          AND d.seq = x.seq AND d.run_on BETWEEN %(oldest)s AND %(newest)s
          AND d.attempt > CASE d.state WHEN {failed} THEN 1 ELSE 0 END
        OFFSET 0
    ) AS d
    LEFT JOIN unnest(%(senders)s::bigint[], %(receipts)s::text[]) AS s(sender_id, receipts) ON s.sender_id = d.sender_id
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT e.kind::text) FILTER (WHERE NOT e.machine) AS kinds,
               min(e.at) AS proved_at,
               min(e.at) FILTER (WHERE NOT e.machine AND e.kind IN
                   ('delivered', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained')) AS reached_at,
               min(e.at) FILTER (WHERE NOT e.machine AND e.kind IN ('opened', 'clicked')) AS first_opened_at,
               min(e.at) FILTER (WHERE NOT e.machine AND e.kind = 'clicked') AS first_clicked_at,
               max(e.at) FILTER (WHERE e.kind = 'soft_bounced') AS softened_at,
               (array_agg({reason} ORDER BY e.at, e.event_key)
                   FILTER (WHERE e.kind IN ('bounced', 'undelivered', 'expired')))[1] AS failed_for,
               (array_agg({reason} ORDER BY e.at DESC, e.event_key)
                   FILTER (WHERE e.kind = 'soft_bounced'))[1] AS softened_for
        FROM campaigns_deliveryevent e
        WHERE e.org_id = %(org)s AND e.customer_id = x.customer_id AND e.run_id = x.run_id AND e.seq = x.seq
          AND e.event_on >= %(oldest)s::date - {early}
    ) AS e
), judged AS (
    SELECT *, CASE ({outcome})
                  WHEN 'in_flight' THEN 1 WHEN 'delivered' THEN 2 WHEN 'not_delivered' THEN 3 WHEN 'no_report' THEN 4
              END::smallint AS now_outcome
    FROM fact
    WHERE accepted_at IS NOT NULL  -- what no report proves stays what it is
), settled AS (
    SELECT *,
           CASE WHEN now_outcome <> 2 THEN NULL WHEN receipts = 'bounces' THEN accepted_at ELSE reached_at
           END AS now_delivered_at,
           CASE WHEN 'complained' = ANY(kinds) THEN 'complaint'
                WHEN now_outcome = 3 THEN coalesce(failed_for, softened_for)
                WHEN now_outcome = 1 AND softened_for IS NOT NULL THEN softened_for
                WHEN now_outcome = 1 AND accepted_at < %(silent_before)s THEN 'no_final_report'
                ELSE '' END AS now_outcome_reason
    FROM judged
), changed AS (
    SELECT *, (sent_at, delivered_at, opened_at, clicked_at)
              IS DISTINCT FROM (accepted_at, now_delivered_at, first_opened_at, first_clicked_at) AS anchors_changed
    FROM settled
    WHERE (state::int, outcome, outcome_reason::text, sent_at, delivered_at, opened_at, clicked_at) IS DISTINCT FROM
          ({sent}, now_outcome, now_outcome_reason, accepted_at, now_delivered_at, first_opened_at, first_clicked_at)
), written AS (
    INSERT INTO campaigns_delivery AS d
        (org_id, customer_id, run_on, run_id, seq, campaign_id, message_id, slot, variant, arm, channel, state, reason,
         outcome, outcome_reason, sender_id, provider_id, address_key, segments, attempt, due_at, state_at, sent_at,
         delivered_at, opened_at, clicked_at, anchors_changed_at)
    SELECT org_id, customer_id, run_on, run_id, seq, campaign_id, message_id, slot, variant, arm, channel, {sent},
           CASE state WHEN {sent} THEN reason ELSE '{by_report}' END, now_outcome, now_outcome_reason, sender_id,
           provider_id, address_key, segments, attempt, due_at,
           CASE WHEN state <> {sent} OR reason = '{by_report}' THEN accepted_at ELSE state_at END, accepted_at,
           now_delivered_at, first_opened_at, first_clicked_at,
           CASE WHEN anchors_changed THEN statement_timestamp() ELSE anchors_changed_at END
    FROM changed
    ON CONFLICT (org_id, customer_id, run_on, run_id, seq) DO UPDATE
    SET state = excluded.state, reason = excluded.reason, outcome = excluded.outcome,
        outcome_reason = excluded.outcome_reason, state_at = excluded.state_at, sent_at = excluded.sent_at,
        delivered_at = excluded.delivered_at, opened_at = excluded.opened_at, clicked_at = excluded.clicked_at,
        anchors_changed_at = excluded.anchors_changed_at
), difference AS (
    SELECT c.run_id, c.slot, c.channel, c.variant, c.arm, part.*
    FROM changed c CROSS JOIN LATERAL (VALUES
        (c.state::int, CASE c.state WHEN {sent} THEN c.outcome_reason ELSE c.reason END, coalesce(c.outcome, 0), -1),
        ({sent}, c.now_outcome_reason, c.now_outcome, 1),
        ({opened}, '', 0, (c.first_opened_at IS NOT NULL)::int - (c.opened_at IS NOT NULL)::int),
        ({clicked}, '', 0, (c.first_clicked_at IS NOT NULL)::int - (c.clicked_at IS NOT NULL)::int)
    ) AS part(state, reason, outcome, n)
)
INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
SELECT %(org)s, run_id, %(tally)s + row_number() OVER (), slot, channel, variant, arm, state, reason, outcome, sum(n)
FROM difference GROUP BY run_id, slot, channel, variant, arm, state, reason, outcome HAVING sum(n) <> 0
