-- Derived rows of this slice's dirty bills that were not derived again: they are true no more.
WITH {{dirty}}
DELETE FROM {{table}} a USING dirty s
WHERE a.org_id = %(org)s AND a.customer_id = ANY(%(customers)s::bigint[])
  AND a.customer_id = s.customer_id AND a.txn_at = s.txn_at AND a.txn_id = s.id AND a.derived_at <> %(at)s
