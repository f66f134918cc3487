"""What returns leave of a sale (A-14, A-35).

The returns of a sale are found through look-up rows keyed by the sale's number, so that a return may come before its
sale and lie in any month.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from audiences.intake.bills import RETURN, Bill
from audiences.intake.staging import execute, fetch
from audiences.keys import lookup_key

_UNLINK: Final = """
DELETE FROM audiences_externalref ref
USING unnest(%(keys)s::bigint[], %(values)s::text[]) AS gone (key, value)
WHERE ref.org_id = %(org)s AND ref.kind = 'return' AND ref.key = gone.key AND ref.value = gone.value
"""
_LINK: Final = """
INSERT INTO audiences_externalref (org_id, kind, key, value, customer_id, txn_at, txn_id)
SELECT %(org)s, 'return', linked.* FROM unnest(%(keys)s::bigint[], %(values)s::text[], %(customers)s::bigint[],
    %(times)s::timestamptz[], %(ids)s::bigint[]) AS linked (key, value, customer_id, txn_at, txn_id)
"""
_RETURNED: Final = """
SELECT EXISTS (SELECT FROM audiences_externalref WHERE org_id = %(org)s AND kind = 'return')
"""
_ANY: Final = """
SELECT DISTINCT key FROM audiences_externalref
WHERE org_id = %(org)s AND kind = 'return' AND key = ANY(%(keys)s)
"""
_SETTLE: Final = """
WITH sale AS (
    SELECT ref.customer_id, ref.txn_at, ref.txn_id, sold.return_key
    FROM unnest(%(sale_keys)s::bigint[], %(sale_ids)s::text[], %(return_keys)s::bigint[])
         AS sold (key, external_id, return_key)
    JOIN audiences_externalref ref ON ref.org_id = %(org)s AND ref.kind = 'transaction' AND ref.key = sold.key
                                  AND ref.value = sold.external_id
), returned AS (
    SELECT sale.txn_id, coalesce(sum(back.net), 0) AS net, count(back.id) AS times
    FROM sale
    LEFT JOIN audiences_externalref link
           ON link.org_id = %(org)s AND link.kind = 'return' AND link.key = sale.return_key
    LEFT JOIN audiences_transaction back
           ON back.org_id = %(org)s AND back.customer_id = link.customer_id AND back.txn_at = link.txn_at
          AND back.id = link.txn_id
    GROUP BY sale.txn_id
)
UPDATE audiences_transaction bill
SET net_after_returns = greatest(bill.net - returned.net, 0),
    fully_returned = returned.times > 0 AND returned.net >= bill.net,
    changed_at = %(at)s
FROM sale JOIN returned USING (txn_id)
WHERE bill.org_id = %(org)s AND bill.customer_id = sale.customer_id AND bill.txn_at = sale.txn_at
  AND bill.id = sale.txn_id AND bill.kind = 'sale'
  AND (bill.net_after_returns, bill.fully_returned)
      IS DISTINCT FROM (greatest(bill.net - returned.net, 0), returned.times > 0 AND returned.net >= bill.net)
RETURNING bill.customer_id
"""


def settle(org_id: int, bills: Sequence[Bill], fresh: Sequence[str], at: datetime) -> set[int]:
    """Link new and changed returns to their sales, and recompute every sale that a bill of the batch touches.

    `fresh` are the numbers of sales just written. Returns the customers whose sales changed by it.
    """
    _link(org_id, bills)
    # Mostly nothing was ever returned, and then there is nothing to look up.
    if not fetch(_RETURNED, org=org_id)[0][0]:
        return set()
    touched = {bill.returned_before for bill in bills} | {
        bill.row.get("returns_external_id") for bill in bills
    }
    sales = {external_id for external_id in touched if external_id}
    numbers = [*fresh, *(bill.external_id for bill in bills)]
    by_key = {lookup_key(RETURN, external_id): external_id for external_id in numbers}
    sales |= {by_key[key] for (key,) in fetch(_ANY, org=org_id, keys=list(by_key))}
    if not sales:
        return set()
    ordered = sorted(sales)
    rows = fetch(
        _SETTLE,
        org=org_id,
        at=at,
        sale_ids=ordered,
        sale_keys=[lookup_key("transaction", external_id) for external_id in ordered],
        return_keys=[lookup_key(RETURN, external_id) for external_id in ordered],
    )
    return {customer_id for (customer_id,) in rows}


def _link(org_id: int, bills: Sequence[Bill]) -> None:
    former = [bill for bill in bills if bill.returned_before]
    if former:
        keys = [lookup_key(RETURN, bill.returned_before or "") for bill in former]
        execute(_UNLINK, org=org_id, keys=keys, values=[bill.external_id for bill in former])
    now = [bill for bill in bills if bill.row.get("returns_external_id")]
    if now:
        execute(
            _LINK,
            org=org_id,
            keys=[lookup_key(RETURN, bill.row["returns_external_id"]) for bill in now],
            values=[bill.external_id for bill in now],
            customers=[bill.customer_id for bill in now],
            times=[bill.row["txn_at"] for bill in now],
            ids=[bill.id for bill in now],
        )
