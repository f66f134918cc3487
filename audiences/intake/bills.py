"""A bill in memory, between what is stored and what a batch of records makes of it, and where bills lie."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from audiences.intake.answers import Rejected
from audiences.intake.bill_records import BillRecord, Line, Who, items_of
from audiences.intake.staging import fetch
from audiences.keys import lookup_key
from audiences.models import ExternalRef

SALE: Final = "sale"
RETURN: Final = "return"
_DEFAULTS: Final[dict[str, Any]] = {"kind": SALE, "payment_modes": [], "coupon_codes": [], "items": 0}
COLUMNS: Final = (
    "txn_at", "kind", "store_id", "gross", "discount", "tax", "net", "items", "source", "payment_modes",
    "coupon_codes", "custom", "returns_external_id",
)  # fmt: skip


class Place(NamedTuple):
    """Where a bill's row is."""

    customer_id: int
    txn_at: datetime
    id: int


@dataclass(slots=True)
class Bill:
    """One bill while its batch is worked on. `stored` is where it lies, None for a new one."""

    external_id: str
    stored: Place | None = None
    id: int = 0
    customer_id: int = 0
    row: dict[str, Any] = field(default_factory=lambda: {**_DEFAULTS, "custom": {}})
    received_at: datetime | None = None
    lines: list[Line] | None = None
    stored_lines: list[Line] | None = None
    returned_before: str | None = None
    weight_before: tuple[Any, ...] | None = None
    dirty: bool = False

    @property
    def moved(self) -> bool:
        return self.stored is not None and self.stored != Place(self.customer_id, self.row["txn_at"], self.id)

    @property
    def weight(self) -> tuple[Any, ...]:
        """What the customer's profile and units depend on."""
        row = self.row
        return self.customer_id, row["txn_at"], row["kind"], row["net"], row.get("store_id")

    @property
    def reweighed(self) -> bool:
        """Whether a stored bill now counts differently."""
        return self.stored is not None and self.weight != self.weight_before

    @property
    def lines_changed(self) -> bool:
        return self.lines is not None and self.lines != self.stored_lines

    def take(self, record: BillRecord, customer_id: int | None, store_id: int | None) -> bool:
        """Bring the record in; whether anything changed. `customer_id` None: the record leaves its customer out."""
        before = (
            self.customer_id,
            dict(self.row),
            self.lines if self.lines is not None else self.stored_lines,
        )
        if customer_id is not None:
            self.customer_id = customer_id
        for column, value in record.columns.items():
            if column == "store":
                self.row["store_id"] = store_id
            else:
                self.row[column] = value
        if record.custom:
            merged = {**self.row["custom"], **record.custom}
            self.row["custom"] = {name: value for name, value in merged.items() if value is not None}
        if record.lines is not None:
            self.lines = record.lines
            self.row["items"] = items_of(record.lines)
        changed = before != (
            self.customer_id, self.row, self.lines if self.lines is not None else self.stored_lines,
        )  # fmt: skip
        self.dirty |= changed
        return changed


def check(record: BillRecord, stored: Bill | None) -> None:
    """Whether a record can become a bill, or change the stored one. Raises `Rejected`."""
    row = {**(stored.row if stored else _DEFAULTS), **record.columns}
    for column, name in (("txn_at", "at"), ("net", "net")):
        if row.get(column) is None:
            raise Rejected("missing", name, f"{name} is missing.")
    if record.who is None and stored is None:
        raise Rejected("missing", "customer", "customer is missing: give its external id, e-mail or phone.")
    returned = row.get("returns_external_id")
    if (row["kind"] == RETURN) != (returned is not None):
        reason = "A return names the bill that it reduces in “returns”; a sale leaves it empty."
        raise Rejected("bad_return", "returns", reason)
    if returned == record.external_id:
        raise Rejected("bad_return", "returns", "A bill cannot return itself.")


def places(org_id: int, wanted: Mapping[str, int]) -> dict[str, Place]:
    """Where the bills with these numbers lie; by number their look-up keys."""
    rows = fetch(_PLACES, org=org_id, keys=list(wanted.values()))
    return {value: Place(customer_id, at, pk) for value, customer_id, at, pk in rows if value in wanted}


_PLACES: Final = """
SELECT ref.value, ref.customer_id, ref.txn_at, ref.txn_id FROM unnest(%(keys)s::bigint[]) AS wanted (key)
JOIN audiences_externalref ref ON ref.org_id = %(org)s AND ref.kind = 'transaction' AND ref.key = wanted.key
"""
# The bounds let the planner leave out the months that cannot hold any of them.
_LOAD: Final = f"""
SELECT bill.external_id, bill.received_at, {", ".join(f"bill.{column}" for column in COLUMNS)}
FROM unnest(%(customers)s::bigint[], %(times)s::timestamptz[], %(ids)s::bigint[]) AS place (customer_id, txn_at, id)
JOIN audiences_transaction bill
  ON bill.org_id = %(org)s AND bill.customer_id = place.customer_id AND bill.txn_at = place.txn_at
 AND bill.id = place.id
WHERE bill.txn_at BETWEEN %(first)s AND %(last)s
"""
_LOAD_LINES: Final = """
SELECT line.txn_id, line.line_no, product.code, line.quantity, line.price, line.amount
FROM unnest(%(customers)s::bigint[], %(times)s::timestamptz[], %(ids)s::bigint[]) AS place (customer_id, txn_at, id)
JOIN audiences_transactionline line
  ON line.org_id = %(org)s AND line.customer_id = place.customer_id AND line.txn_at = place.txn_at
 AND line.txn_id = place.id
JOIN audiences_product product ON product.org_id = %(org)s AND product.id = line.product_id
WHERE line.txn_at BETWEEN %(first)s AND %(last)s
ORDER BY line.txn_id, line.line_no
"""


def located(found: Collection[Place]) -> dict[str, Any]:
    """The parameters of a statement that reads or drops rows by place."""
    customers, times, ids = (list(column) for column in zip(*found, strict=True))
    return {"customers": customers, "times": times, "ids": ids, "first": min(times), "last": max(times)}


def keys_of(external_ids: Iterable[str]) -> dict[str, int]:
    """The look-up keys of bills with these numbers."""
    kind = ExternalRef.Kind.TRANSACTION.value
    return {external_id: lookup_key(kind, external_id) for external_id in external_ids}


def load(org_id: int, found: Mapping[str, Place]) -> dict[str, Bill]:
    """The bills that lie there, without their lines."""
    if not found:
        return {}
    bills = {}
    for external_id, received_at, *row in fetch(_LOAD, org=org_id, **located(found.values())):
        place = found[external_id]
        values = dict(zip(COLUMNS, row, strict=True))
        values["custom"] = json.loads(values["custom"])
        bill = Bill(external_id, place, place.id, place.customer_id, values, received_at)
        bill.returned_before, bill.weight_before = values["returns_external_id"], bill.weight
        bills[external_id] = bill
    return bills


def load_lines(org_id: int, bills: Sequence[Bill]) -> None:
    """Fill in the stored lines of known bills."""
    by_id = {bill.id: bill for bill in bills if bill.stored is not None}
    if not by_id:
        return
    for bill in by_id.values():
        bill.stored_lines = []
    found = [bill.stored for bill in by_id.values() if bill.stored is not None]
    for pk, *line in fetch(_LOAD_LINES, org=org_id, **located(found)):
        lines = by_id[pk].stored_lines
        if lines is not None:
            lines.append(Line(*line))


def array(items: Sequence[str]) -> str:
    """A list of texts as PostgreSQL writes an array."""
    return "{" + ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items) + "}"


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


_CUSTOMERS: Final = """
SELECT ref.value, ref.customer_id FROM unnest(%(keys)s::bigint[]) AS wanted (key)
JOIN audiences_externalref ref ON ref.org_id = %(org)s AND ref.kind = 'customer' AND ref.key = wanted.key
"""
_OWNERS: Final = """
SELECT kind, key, array_agg(DISTINCT customer_id) FROM audiences_addressref
WHERE org_id = %(org)s AND kind = ANY(%(kinds)s) AND key = ANY(%(keys)s)
GROUP BY kind, key
"""


def resolve_customers(org_id: int, wanted: Collection[Who]) -> dict[Who, list[int]]:
    """The customers whom each reference means: one, none yet, or several (ambiguous)."""
    found: dict[Who, list[int]] = {}
    by_number = {who.value: who for who in wanted if who.kind == "customer"}
    if by_number:
        keys = [who.key for who in by_number.values()]
        for value, customer_id in fetch(_CUSTOMERS, org=org_id, keys=keys):
            if value in by_number:
                found[by_number[value]] = [customer_id]
    by_address: dict[tuple[str, int], list[Who]] = {}
    for who in wanted:
        if who.kind != "customer":
            by_address.setdefault((who.kind, who.key), []).append(who)
    if by_address:
        kinds, numbers = (list(set(column)) for column in zip(*by_address, strict=True))
        for kind, key, customer_ids in fetch(_OWNERS, org=org_id, kinds=kinds, keys=numbers):
            for who in by_address.get((kind, key), ()):
                found[who] = customer_ids
    return found
