-- A window, judged at its turn: every gate once more, with the consent and suppression of this snapshot (A-37, Q-14).
-- The reason is that of audiences/reachability.py's; its `contact` here is the frozen address, which must
-- still be the customer's.
SELECT r.seq, r.customer_id, r.slot, r.variant, r.arm, r.address, r."values",
       CASE WHEN customer.id IS NULL THEN 'no_contact' ELSE {reason} END,
       r.problem
FROM campaigns_recipient r
LEFT JOIN audiences_customer customer ON customer.org_id = %(org)s AND customer.id = r.customer_id
LEFT JOIN audiences_contactpoint contact
       ON contact.org_id = %(org)s AND contact.customer_id = r.customer_id AND contact.kind = %(contact_kind)s
      AND contact.value = r.address AND contact.is_primary
LEFT JOIN audiences_subscription subscription
       ON subscription.org_id = %(org)s AND subscription.customer_id = r.customer_id
      AND subscription.channel = %(channel)s AND subscription.message_class = %(message_class)s
LEFT JOIN audiences_addressoptout optout
       ON optout.org_id = %(org)s AND optout.channel = %(channel)s AND optout.message_class = %(message_class)s
      AND optout.key = r.address_key
WHERE r.org_id = %(org)s AND r.run_on = %(run_on)s AND r.run_id = %(run)s AND {rows}
ORDER BY r.seq
