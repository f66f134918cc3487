"""The profile row: what a customer bought so far, kept in the transaction that changes a bill.

New sales are added up; whatever else happens to a customer's bills (a change, a return, a move) recomputes the row.
A test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.db import connection

from engage.orgs.models import Org
from engage.orgs.tenancy import org_pk

_LEAVE: Final = """
DELETE FROM audiences_profile profile
WHERE profile.org_id = %(org)s AND profile.customer_id = ANY(%(customers)s)
"""
# A fully returned bill is no transaction; a return is none either, it reduces its sale.
_RECOMPUTE: Final = """
INSERT INTO audiences_profile
    (org_id, customer_id, first_bought_at, last_bought_at, first_store_id, last_store_id, transactions, net_total,
     computed_at)
SELECT %(org)s, bill.customer_id, min(bill.txn_at), max(bill.txn_at),
       (array_agg(bill.store_id ORDER BY bill.txn_at, bill.id))[1],
       (array_agg(bill.store_id ORDER BY bill.txn_at DESC, bill.id DESC))[1],
       count(*), sum(bill.net_after_returns), %(at)s
FROM audiences_transaction bill
WHERE bill.org_id = %(org)s AND bill.customer_id = ANY(%(customers)s) AND bill.kind = 'sale'
  AND NOT bill.fully_returned
GROUP BY bill.customer_id
"""
_ADD: Final = """
INSERT INTO audiences_profile AS profile
    (org_id, customer_id, first_bought_at, last_bought_at, first_store_id, last_store_id, transactions, net_total,
     computed_at)
SELECT %(org)s, bill.customer_id, min(bill.txn_at), max(bill.txn_at),
       (array_agg(bill.store_id ORDER BY bill.txn_at, bill.id))[1],
       (array_agg(bill.store_id ORDER BY bill.txn_at DESC, bill.id DESC))[1],
       count(*), sum(bill.net), %(at)s
FROM incoming_bill bill
WHERE bill.kind = 'sale' AND bill.fresh AND NOT bill.customer_id = ANY(%(except)s)
GROUP BY bill.customer_id
ON CONFLICT (org_id, customer_id) DO UPDATE SET
    first_store_id = CASE WHEN profile.first_bought_at <= excluded.first_bought_at
                          THEN profile.first_store_id ELSE excluded.first_store_id END,
    last_store_id = CASE WHEN profile.last_bought_at > excluded.last_bought_at
                         THEN profile.last_store_id ELSE excluded.last_store_id END,
    first_bought_at = least(profile.first_bought_at, excluded.first_bought_at),
    last_bought_at = greatest(profile.last_bought_at, excluded.last_bought_at),
    transactions = profile.transactions + excluded.transactions,
    net_total = profile.net_total + excluded.net_total,
    computed_at = excluded.computed_at
"""


def recompute(org: Org | int, customer_ids: Collection[int], *, at: datetime) -> None:
    """Make the rows of these customers say what their stored bills say. Safe to repeat."""
    if not customer_ids:
        return
    parameters: dict[str, Any] = {"org": org_pk(org), "customers": list(customer_ids), "at": at}
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE, parameters)
        cursor.execute(_RECOMPUTE, parameters)


def add_new_sales(org: Org | int, *, at: datetime, but_not: Collection[int]) -> None:
    """Add the fresh sales staged in `incoming_bill` to their customers' rows, but for customers recomputed anyway.

    New bills have the highest ids, so at equal times the new one is the last.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ADD, {"org": org_pk(org), "at": at, "except": list(but_not)})
