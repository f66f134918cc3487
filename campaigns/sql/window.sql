-- A window, judged at its turn: every gate once more, with the consent and suppression of this snapshot (A-37, Q-14).
-- The reason is that of audiences/reachability.py; its contact is the frozen address here, which must still be the
-- customer's primary one. LIMIT 1 makes each look-up one by key, whatever the planner believes of fresh tables: without
-- statistics it hashed a whole org for 250 rows.
SELECT r.seq, r.customer_id, r.variant, r.arm, r.address, r."values",
       {reason}, r.problem
FROM campaigns_recipient r
{customer}
LEFT JOIN LATERAL (
    SELECT p.* FROM audiences_contactpoint p
    WHERE p.org_id = %(org)s AND p.customer_id = r.customer_id AND p.kind = %(contact_kind)s AND p.value = r.address
      AND p.is_primary LIMIT 1
) AS contact ON true
LEFT JOIN LATERAL (
    SELECT s.* FROM audiences_subscription s
    WHERE s.org_id = %(org)s AND s.customer_id = r.customer_id AND s.channel = %(channel)s
      AND s.message_class = %(message_class)s LIMIT 1
) AS subscription ON true
LEFT JOIN LATERAL (
    SELECT o.* FROM audiences_addressoptout o
    WHERE o.org_id = %(org)s AND o.channel = %(channel)s AND o.message_class = %(message_class)s
      AND o.key = r.address_key LIMIT 1
) AS optout ON true
WHERE r.org_id = %(org)s AND r.run_on = %(run_on)s AND r.run_id = %(run)s AND {rows}
ORDER BY r.seq
