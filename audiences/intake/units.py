"""Units that customers belong to because they bought at one of their stores (T-05)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from audiences.intake.staging import execute

_JOIN: Final = """
INSERT INTO audiences_customerunit (org_id, customer_id, unit_id, by_purchase)
SELECT DISTINCT %(org)s, bill.customer_id, store.unit_id, true
FROM audiences_transaction bill
JOIN audiences_store store ON store.org_id = %(org)s AND store.id = bill.store_id AND store.unit_id IS NOT NULL
WHERE bill.org_id = %(org)s AND bill.customer_id = ANY(%(customers)s) AND bill.kind = 'sale'
ON CONFLICT (org_id, customer_id, unit_id) DO NOTHING
"""
_LEAVE: Final = """
DELETE FROM audiences_customerunit held
WHERE held.org_id = %(org)s AND held.customer_id = ANY(%(customers)s) AND held.by_purchase
  AND NOT EXISTS (
      SELECT FROM audiences_transaction bill
      JOIN audiences_store store ON store.org_id = %(org)s AND store.id = bill.store_id
      WHERE bill.org_id = %(org)s AND bill.customer_id = held.customer_id AND bill.kind = 'sale'
        AND store.unit_id = held.unit_id)
"""


def join_by_purchase(org_id: int, customer_ids: Iterable[int]) -> None:
    """Make these customers members of every unit where they bought."""
    execute(_JOIN, org=org_id, customers=list(customer_ids))


def recompute_by_purchase(org_id: int, customer_ids: Iterable[int]) -> None:
    """After a bill or a store moved: leave units where nothing is bought any more, join those where something is."""
    customers = list(customer_ids)
    execute(_LEAVE, org=org_id, customers=customers)
    execute(_JOIN, org=org_id, customers=customers)
