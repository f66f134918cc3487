-- What the freeze would write, counted and sampled instead: the funnel of a message before its run (A-37).
WITH chosen AS MATERIALIZED (
    SELECT customer_id, place FROM ({selection}) AS selected
),
people AS MATERIALIZED (
    SELECT customer.id AS customer_id,
           contact.key AS address_key,
           {reason} AS reason,
           (('x' || left(md5('split:' || %(split)s || ':' || customer.id), 15))::bit(60)::bigint %% 1000
               < %(control_permille)s)::int::smallint AS arm,
           {values} AS "values"
    FROM chosen
    JOIN audiences_customer customer ON customer.org_id = %(org)s AND customer.id = chosen.customer_id
    {joins}
    WHERE chosen.place = ''
),
doubles AS MATERIALIZED (
    SELECT address_key, min(customer_id) AS first_id FROM people
    WHERE %(one_send_per_address)s AND address_key IS NOT NULL
    GROUP BY address_key HAVING count(*) > 1
),
judged AS (
    SELECT people.customer_id, people.arm,
           CASE WHEN people.customer_id > doubles.first_id THEN 'duplicate_contact'
                WHEN people.reason <> '' THEN people.reason
                ELSE {problem} END AS step
    FROM people LEFT JOIN doubles ON doubles.address_key = people.address_key
    UNION ALL
    SELECT customer_id, 0, place FROM chosen WHERE place <> ''
),
ranked AS (
    SELECT step, arm, customer_id, row_number() OVER (PARTITION BY step, arm ORDER BY customer_id) AS rank,
           count(*) OVER (PARTITION BY step, arm) AS n
    FROM judged
)
SELECT step, arm, n, array_agg(customer_id ORDER BY customer_id)
FROM ranked WHERE rank <= %(sample)s
GROUP BY step, arm, n
