-- One slice of a freeze: judge everybody in a range of customer numbers, write the queue and the skipped rows, count.
--
-- The selection is that of audiences/selection.py; joins and reason are those of audiences/reachability.py; the values come
-- from campaigns/merge_sql.py, the rest from judging.py and freeze.py. Data is in parameters only.
WITH chosen AS MATERIALIZED (
    SELECT customer_id, place FROM ({selection}) AS selected
    WHERE customer_id BETWEEN %(low)s AND %(high)s
),
-- In the order of the customers' number, which the queue keeps: its windows then read neighbouring rows.
people AS MATERIALIZED (
    SELECT customer.id AS customer_id,
           contact.value AS address,
           contact.key AS address_key,
           CASE WHEN {doubled_before} THEN 'duplicate_contact' ELSE {reason} END AS reason,
           (('x' || left(md5('split:' || %(split)s || ':' || customer.id), 15))::bit(60)::bigint %% 1000
               < %(control_permille)s)::int::smallint AS arm,
           {values} AS "values"
    FROM chosen
    JOIN audiences_customer customer ON customer.org_id = %(org)s AND customer.id = chosen.customer_id
    {joins}
    WHERE chosen.place = ''
    ORDER BY customer.id
),
-- The lower customer number keeps the address, whatever becomes of it.
doubles AS MATERIALIZED (
    SELECT address_key, min(customer_id) AS first_id FROM people
    WHERE %(one_send_per_address)s AND address_key IS NOT NULL
    GROUP BY address_key HAVING count(*) > 1
),
judged AS NOT MATERIALIZED (
    SELECT people.customer_id, people.address, people.address_key, people.arm, people."values",
           CASE WHEN people.customer_id > doubles.first_id THEN 'duplicate_contact' ELSE people.reason END AS reason
    FROM people LEFT JOIN doubles ON doubles.address_key = people.address_key
),
queued AS (
    INSERT INTO campaigns_recipient
        (org_id, run_on, run_id, seq, customer_id, slot, variant, arm, channel, address, address_key, "values",
         problem, due_at)
    SELECT %(org)s, %(run_on)s, %(run)s, %(after)s + row_number() OVER (), customer_id, %(slot)s, 0, arm, %(channel)s,
           address, address_key, "values", {problem}, %(due_at)s
    FROM judged WHERE reason = ''
),
skipped AS (
    INSERT INTO campaigns_delivery
        (org_id, customer_id, run_on, run_id, seq, campaign_id, message_id, slot, variant, arm, channel, state,
         reason, outcome_reason, sender_id, address_key, attempt, due_at, state_at, anchors_changed_at)
    SELECT %(org)s, customer_id, %(run_on)s, %(run)s, -(%(skipped_before)s + row_number() OVER ()), %(campaign)s,
           %(message)s, %(slot)s, 0, arm, %(channel)s, 4, reason, '', %(sender)s, address_key, 0, %(due_at)s, %(at)s,
           %(clock)s
    FROM judged WHERE reason <> ''
),
counted AS MATERIALIZED (
    SELECT arm, reason, count(*) AS n FROM judged GROUP BY arm, reason
),
tallied AS (
    INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
    SELECT %(org)s, %(run)s, %(tally)s + row_number() OVER (), %(slot)s, %(channel)s, 0, arm, state, reason, 0, n
    FROM (
        SELECT arm, 0 AS state, '' AS reason, sum(n) AS n FROM counted GROUP BY arm
        UNION ALL
        SELECT arm, 4, reason, n FROM counted WHERE reason <> ''
    ) AS rows
)
SELECT coalesce((SELECT sum(n) FROM counted WHERE reason = ''), 0),
       coalesce((SELECT sum(n) FROM counted WHERE reason <> ''), 0),
       (SELECT count(*) FROM chosen WHERE place = 'excluded'),
       (SELECT count(*) FROM chosen WHERE place = 'out_of_unit'),
       ARRAY(SELECT customer_id FROM chosen WHERE place = 'excluded' ORDER BY customer_id LIMIT %(sample)s),
       ARRAY(SELECT customer_id FROM chosen WHERE place = 'out_of_unit' ORDER BY customer_id LIMIT %(sample)s)
