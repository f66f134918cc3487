-- Bring Sent and Unconfirmed rows into line with the set of their events, and count what changed.
-- The result depends on nothing but that set (and, for soft bounces and silence, on the clock): in whatever order and
-- however often the same events come, the rows and their tally end alike (Q-23). The caller holds the rows' locks, so
-- this statement's snapshot has every event of whoever held them before.
WITH held AS (
    SELECT d.customer_id, d.run_on, d.run_id, d.seq, d.slot, d.variant, d.arm, d.channel, d.state, d.reason,
           coalesce(d.outcome, 0) AS outcome, d.outcome_reason, d.sent_at, d.delivered_at, d.opened_at, d.clicked_at,
           coalesce(s.receipts, 'full') AS receipts
    FROM unnest(%(customer)s::bigint[], %(run_on)s::date[], %(run)s::bigint[], %(seq)s::bigint[])
         AS x(customer_id, run_on, run_id, seq)
    JOIN campaigns_delivery d
      ON d.org_id = %(org)s AND d.customer_id = x.customer_id AND d.run_on = x.run_on AND d.run_id = x.run_id
     AND d.seq = x.seq AND d.run_on BETWEEN %(oldest)s AND %(newest)s
    LEFT JOIN unnest(%(senders)s::bigint[], %(receipts)s::text[]) AS s(sender_id, receipts) ON s.sender_id = d.sender_id
    WHERE d.state IN ({sent}, {unconfirmed})
), fact AS (
    SELECT h.customer_id, h.run_id, h.seq,
           array_agg(DISTINCT e.kind::text) FILTER (WHERE NOT e.machine) AS kinds,
           min(e.at) AS proved_at,
           min(e.at) FILTER (WHERE NOT e.machine AND e.kind IN
               ('delivered', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained')) AS reached_at,
           min(e.at) FILTER (WHERE NOT e.machine AND e.kind IN ('opened', 'clicked')) AS opened_at,
           min(e.at) FILTER (WHERE NOT e.machine AND e.kind = 'clicked') AS clicked_at,
           max(e.at) FILTER (WHERE e.kind = 'soft_bounced') AS softened_at,
           (array_agg({reason} ORDER BY e.at, e.event_key)
               FILTER (WHERE e.kind IN ('bounced', 'undelivered', 'expired')))[1] AS failed_for,
           (array_agg({reason} ORDER BY e.at DESC, e.event_key)
               FILTER (WHERE e.kind = 'soft_bounced'))[1] AS softened_for
    FROM held h
    JOIN campaigns_deliveryevent e
      ON e.org_id = %(org)s AND e.customer_id = h.customer_id AND e.run_id = h.run_id AND e.seq = h.seq
     AND e.event_on >= %(oldest)s::date - {early}
    GROUP BY h.customer_id, h.run_id, h.seq
), judged AS (
    SELECT *, CASE ({outcome})
                  WHEN 'in_flight' THEN 1 WHEN 'delivered' THEN 2 WHEN 'not_delivered' THEN 3 WHEN 'no_report' THEN 4
              END AS new_outcome
    FROM (
        SELECT h.*, coalesce(f.kinds, ARRAY[]::text[]) AS kinds, f.reached_at, f.failed_for, f.softened_for,
               f.opened_at AS new_opened_at, f.clicked_at AS new_clicked_at,
               CASE WHEN h.state = {unconfirmed} THEN f.proved_at
                    WHEN h.reason = '{by_report}' THEN least(h.sent_at, f.proved_at)
                    ELSE h.sent_at END AS new_sent_at,
               coalesce(f.softened_at < %(given_up_before)s AND NOT 'delivered' = ANY(f.kinds), false) AS gave_up
        FROM held h LEFT JOIN fact f ON f.customer_id = h.customer_id AND f.run_id = h.run_id AND f.seq = h.seq
    ) AS known
    WHERE new_sent_at IS NOT NULL  -- an Unconfirmed row without a report stays what it is
), settled AS (
    SELECT *,
           CASE WHEN new_outcome <> 2 THEN NULL WHEN receipts = 'bounces' THEN new_sent_at ELSE reached_at
           END AS new_delivered_at,
           CASE WHEN 'complained' = ANY(kinds) THEN 'complaint'
                WHEN new_outcome = 3 THEN coalesce(failed_for, softened_for)
                WHEN new_outcome = 1 AND softened_for IS NOT NULL THEN softened_for
                WHEN new_outcome = 1 AND new_sent_at < %(silent_before)s THEN 'no_final_report'
                ELSE '' END AS new_outcome_reason
    FROM judged
), changed AS (
    UPDATE campaigns_delivery d
    SET state = {sent}, outcome = s.new_outcome, outcome_reason = s.new_outcome_reason, sent_at = s.new_sent_at,
        delivered_at = s.new_delivered_at, opened_at = s.new_opened_at, clicked_at = s.new_clicked_at,
        reason = CASE WHEN s.state = {unconfirmed} THEN '{by_report}' ELSE s.reason END,
        state_at = CASE WHEN s.state = {sent} AND s.reason <> '{by_report}' THEN d.state_at ELSE s.new_sent_at END,
        anchors_changed_at = CASE
            WHEN (s.sent_at, s.delivered_at, s.opened_at, s.clicked_at)
                 IS DISTINCT FROM (s.new_sent_at, s.new_delivered_at, s.new_opened_at, s.new_clicked_at)
            THEN statement_timestamp() ELSE d.anchors_changed_at END
    FROM settled s
    WHERE d.org_id = %(org)s AND d.customer_id = s.customer_id AND d.run_on = s.run_on AND d.run_id = s.run_id
      AND d.seq = s.seq AND d.run_on BETWEEN %(oldest)s AND %(newest)s
      AND (s.state, s.outcome, s.outcome_reason, s.sent_at, s.delivered_at, s.opened_at, s.clicked_at)
          IS DISTINCT FROM ({sent}, s.new_outcome, s.new_outcome_reason, s.new_sent_at, s.new_delivered_at,
                            s.new_opened_at, s.new_clicked_at)
    RETURNING s.*
), difference AS (
    SELECT run_id, slot, channel, variant, arm, state,
           CASE state WHEN {sent} THEN outcome_reason ELSE reason END AS reason, outcome, -1 AS n FROM changed
    UNION ALL
    SELECT run_id, slot, channel, variant, arm, {sent}, new_outcome_reason, new_outcome, 1 FROM changed
    UNION ALL
    SELECT run_id, slot, channel, variant, arm, {opened}, '', 0,
           (new_opened_at IS NOT NULL)::int - (opened_at IS NOT NULL)::int FROM changed
    UNION ALL
    SELECT run_id, slot, channel, variant, arm, {clicked}, '', 0,
           (new_clicked_at IS NOT NULL)::int - (clicked_at IS NOT NULL)::int FROM changed
)
INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
SELECT %(org)s, run_id, %(tally)s + row_number() OVER (), slot, channel, variant, arm, state, reason, outcome, sum(n)
FROM difference GROUP BY run_id, slot, channel, variant, arm, state, reason, outcome HAVING sum(n) <> 0
