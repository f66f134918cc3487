-- Derived rows whose bill is no more: it got another time or another customer.
DELETE FROM {{table}} a
WHERE a.org_id = %(org)s AND a.customer_id = ANY(%(customers)s::bigint[])
  AND NOT EXISTS (
      SELECT FROM audiences_transaction t
      WHERE t.org_id = %(org)s AND t.customer_id = ANY(%(customers)s::bigint[])
        AND t.customer_id = a.customer_id AND t.txn_at = a.txn_at AND t.id = a.txn_id
  )
