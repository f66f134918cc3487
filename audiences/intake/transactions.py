"""Writing transactions: bills with their lines, what their returns leave of them, and what follows for customers.

As with customers, a batch is compared in memory with what is stored, and only what differs is written; a changed bill
is deleted and inserted, because its key may have changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any, Final

from audiences import profile
from audiences.intake import bills, returns
from audiences.intake.answers import Answer, Rejected, Verdict
from audiences.intake.bill_records import BillReader, BillRecord, Line, Who, items_of
from audiences.intake.bills import Bill
from audiences.intake.desk import Desk
from audiences.intake.fields import Kind
from audiences.intake.staging import execute, new_ids, staged
from audiences.intake.units import recompute_by_purchase
from audiences.intake.waiting import Shelf
from audiences.keys import lookup_key
from engage.orgs import months

_STAGE_BILLS: Final = (
    "customer_id bigint, id bigint, external_id text, key bigint, fresh boolean DEFAULT true, "
    "received_at timestamptz, txn_at timestamptz, kind text DEFAULT 'sale', store_id bigint, gross bigint, "
    "discount bigint, tax bigint, net bigint, items integer DEFAULT 0, source text, "
    "payment_modes text[] DEFAULT '{}', coupon_codes text[] DEFAULT '{}', custom jsonb DEFAULT '{}', "
    "returns_external_id text"
)
_INSERT_BILLS: Final = """
INSERT INTO audiences_transaction
    (org_id, customer_id, id, external_id, received_at, changed_at, txn_at, kind, store_id, gross, discount, tax, net,
     net_after_returns, fully_returned, items, source, payment_modes, coupon_codes, custom, returns_external_id)
SELECT %(org)s, customer_id, id, external_id, coalesce(received_at, %(at)s), %(at)s, txn_at, kind, store_id, gross,
       discount, tax, net, CASE kind WHEN 'sale' THEN net ELSE 0 END, false, items, source, payment_modes,
       coupon_codes, custom, returns_external_id
FROM incoming_bill
"""
_PUT_REFS: Final = """
INSERT INTO audiences_externalref AS ref (org_id, kind, key, value, customer_id, txn_at, txn_id)
SELECT %(org)s, 'transaction', key, external_id, customer_id, txn_at, id FROM incoming_bill ORDER BY key
ON CONFLICT (org_id, kind, key, value) DO UPDATE
SET customer_id = excluded.customer_id, txn_at = excluded.txn_at, txn_id = excluded.txn_id
WHERE (ref.customer_id, ref.txn_at) <> (excluded.customer_id, excluded.txn_at)
"""
_DROP_BILLS: Final = """
DELETE FROM audiences_transaction bill
USING unnest(%(customers)s::bigint[], %(times)s::timestamptz[], %(ids)s::bigint[]) AS gone (customer_id, txn_at, id)
WHERE bill.org_id = %(org)s AND bill.customer_id = gone.customer_id AND bill.txn_at = gone.txn_at AND bill.id = gone.id
  AND bill.txn_at BETWEEN %(first)s AND %(last)s
"""
_DROP_LINES: Final = """
DELETE FROM audiences_transactionline line
USING unnest(%(customers)s::bigint[], %(times)s::timestamptz[], %(ids)s::bigint[]) AS gone (customer_id, txn_at, id)
WHERE line.org_id = %(org)s AND line.customer_id = gone.customer_id AND line.txn_at = gone.txn_at
  AND line.txn_id = gone.id AND line.txn_at BETWEEN %(first)s AND %(last)s
"""
_STAGE_LINES: Final = (
    "customer_id bigint, txn_at timestamptz, txn_id bigint, line_no smallint, product_id bigint, quantity bigint, "
    "price bigint, amount bigint"
)
_INSERT_LINES: Final = """
INSERT INTO audiences_transactionline
    (org_id, customer_id, txn_at, txn_id, line_no, product_id, quantity, price, amount)
SELECT %(org)s, customer_id, txn_at, txn_id, line_no, product_id, quantity, price, amount FROM incoming_line
"""
# Bills of customers who bought nowhere else in the unit so far.
_JOIN_UNITS: Final = """
INSERT INTO audiences_customerunit (org_id, customer_id, unit_id, by_purchase)
SELECT DISTINCT %(org)s, bill.customer_id, store.unit_id, true
FROM incoming_bill bill
JOIN audiences_store store ON store.org_id = %(org)s AND store.id = bill.store_id AND store.unit_id IS NOT NULL
WHERE bill.kind = 'sale'
ON CONFLICT (org_id, customer_id, unit_id) DO NOTHING
"""


class TransactionWriter:
    """Writes batches of transactions of one org. Call inside its context, after `only_one_intake`."""

    kind = Kind.TRANSACTIONS

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.read = BillReader(desk)
        self.fields = self.read.fields

    def name_of(self, record: BillRecord) -> str:
        return record.external_id

    def prepare(self, batch: Sequence[tuple[int, BillRecord]]) -> None:
        """Make the months that the batch needs: before its transaction, because that takes locks others wait for."""
        times = {at for _, record in batch if (at := record.get("txn_at"))}
        firsts = {
            date(year, month, 1) for year, month in {(at.year, at.month) for at in times}
        } - self.desk.months
        if firsts:
            months.ensure("audiences_transaction", firsts)
            months.ensure("audiences_transactionline", firsts)
            self.desk.months |= firsts

    def write(self, batch: Sequence[tuple[int, BillRecord]], at: datetime) -> list[Answer]:
        """One answer a record, in order. Several records of one bill are taken one after the other."""
        kept = Shelf(self.desk.org_id, [record.external_id for _, record in batch])
        records = [record for _, record in batch]
        known = self._load(records)
        spoken_of = [*records, *self._readable(kept)]
        owners = bills.resolve_customers(
            self.desk.org_id, {record.who for record in spoken_of if record.who is not None}
        )
        stores = self.desk.stores.resolve(store for record in spoken_of if (store := record.get("store")))
        new = _new_sales(records, known, kept, owners)
        answers = []
        for number, record in batch:
            if record.external_id in new:
                answers.append(Answer(number, record.external_id, Verdict.CREATED))
                continue
            try:
                whole = self._with_kept(record, kept)
                answers.append(self._take(number, whole, known, owners, stores, kept, at))
            except Rejected as rejected:
                answers.append(Answer.rejection(number, record.external_id, rejected))
        kept.write()
        self._write_new(list(new.values()), owners, stores, at)
        self.write_bills([bill for bill in known.values() if bill.dirty], at)
        return answers

    def _with_kept(self, record: BillRecord, kept: Shelf) -> BillRecord:
        """A record about a bill that waits for its customer is read together with what is kept of it."""
        held = kept.get(record.external_id)
        return record if held is None else self.read.one({**held, **record.raw})

    def _readable(self, kept: Shelf) -> Iterator[BillRecord]:
        """What is kept of the batch's bills; what cannot be read any more is rejected in its turn."""
        for raw in kept.everything():
            with suppress(Rejected):
                yield self.read.one(raw)

    def _load(self, records: Sequence[BillRecord]) -> dict[str, Bill]:
        found = bills.places(self.desk.org_id, {record.external_id: record.key for record in records})
        known = bills.load(self.desk.org_id, found)
        spoken = {record.external_id for record in records if record.lines is not None}
        bills.load_lines(self.desk.org_id, [known[external_id] for external_id in spoken & known.keys()])
        return known

    def _take(
        self,
        number: int,
        record: BillRecord,
        known: dict[str, Bill],
        owners: Mapping[Who, list[int]],
        stores: Mapping[str, int],
        kept: Shelf,
        at: datetime,
    ) -> Answer:
        bill = known.get(record.external_id)
        bills.check(record, bill)
        customers = owners.get(record.who, []) if record.who else None
        if customers is not None and len(customers) > 1:
            reason = "Several customers have this address; name the customer by external id."
            raise Rejected("ambiguous", f"customer_{record.who.kind}" if record.who else "", reason)
        if not customers and record.who is not None:
            if bill is not None:
                raise Rejected(
                    "unknown_customer", "customer", "There is no such customer to move the bill to."
                )
            verdict = kept.keep(record, record.who, at)
            return Answer(number, record.external_id, verdict, "waiting")
        new = False
        if bill is None:
            first_came = kept.release(record.external_id)
            new = first_came is None
            bill = known[record.external_id] = Bill(record.external_id, received_at=first_came)
        store = record.get("store")
        changed = bill.take(record, customers[0] if customers else None, stores[store] if store else None)
        verdict = Verdict.CREATED if new else Verdict.UPDATED if changed else Verdict.UNCHANGED
        return Answer(number, record.external_id, verdict)

    def _write_new(
        self,
        records: Sequence[BillRecord],
        owners: Mapping[Who, list[int]],
        stores: Mapping[str, int],
        at: datetime,
    ) -> None:
        """Write sales of which nothing was stored, straight from the columns of their records."""
        if not records:
            return
        shape, pks = records[0].shape, new_ids("audiences_transaction_id_seq", len(records))
        customers = [owners[record.who][0] for record in records if record.who]
        columns = [
            _as_stored(name, column, stores)
            for name, column in zip(
                shape.own, zip(*(record.own for record in records), strict=True), strict=True
            )
        ]
        names = ["customer_id", "id", "external_id", "key", *shape.own]
        names = ["store_id" if name == "store" else name for name in names]
        fixed = [customers, pks, [r.external_id for r in records], [r.key for r in records]]
        if shape.lines:
            names.append("items")
            columns.append([items_of(record.lines or ()) for record in records])
        with staged("incoming_bill", _STAGE_BILLS, zip(*fixed, *columns, strict=True), names):
            self._insert(at)
            self._insert_lines(
                (customer_id, record.get("txn_at"), pk, record.lines)
                for customer_id, pk, record in zip(customers, pks, records, strict=True)
                if record.lines
            )
            recomputed = returns.settle(self.desk.org_id, [], [record.external_id for record in records], at)
            profile.add_new_sales(self.desk.org_id, at=at, but_not=recomputed)
        profile.recompute(self.desk.org_id, recomputed, at=at)

    def _insert(self, at: datetime) -> None:
        execute(_INSERT_BILLS, org=self.desk.org_id, at=at)
        execute(_PUT_REFS, org=self.desk.org_id)
        execute(_JOIN_UNITS, org=self.desk.org_id)

    def write_bills(self, dirty: list[Bill], at: datetime) -> None:
        """Write new and changed bills, and everything that follows from them."""
        if not dirty:
            return
        org_id = self.desk.org_id
        fresh = [bill for bill in dirty if bill.stored is None]
        for bill, pk in zip(fresh, new_ids("audiences_transaction_id_seq", len(fresh)), strict=True):
            bill.id = pk
        changed = [bill for bill in dirty if bill.stored is not None]
        bills.load_lines(org_id, [bill for bill in changed if bill.moved and bill.stored_lines is None])
        self._drop(changed)
        with staged("incoming_bill", _STAGE_BILLS, map(_staged_bill, dirty)):
            self._insert(at)
            self._insert_lines(
                (bill.customer_id, bill.row["txn_at"], bill.id, lines)
                for bill in dirty
                if bill.moved or bill.lines_changed
                if (lines := bill.lines if bill.lines is not None else bill.stored_lines)
            )
            moved = {bill.customer_id for bill in changed if bill.reweighed}
            moved |= {bill.stored.customer_id for bill in changed if bill.stored and bill.reweighed}
            recomputed = moved | returns.settle(org_id, dirty, [], at)
            profile.add_new_sales(org_id, at=at, but_not=recomputed)
        profile.recompute(org_id, recomputed, at=at)
        if moved:
            recompute_by_purchase(org_id, moved)

    def _drop(self, changed: Sequence[Bill]) -> None:
        gone = [bill.stored for bill in changed if bill.stored is not None]
        if gone:
            execute(_DROP_BILLS, org=self.desk.org_id, **bills.located(gone))
        without = [bill.stored for bill in changed if bill.stored and (bill.moved or bill.lines_changed)]
        if without:
            execute(_DROP_LINES, org=self.desk.org_id, **bills.located(without))

    def _insert_lines(self, put: Iterable[tuple[int, datetime, int, Sequence[Line]]]) -> None:
        """Lines by the customer, time and id of their bill."""
        found = list(put)
        products = self.desk.products.resolve(line.item for *_, lines in found for line in lines)
        rows = [
            (customer_id, txn_at, pk, line_no, products[item], quantity, price, amount)
            for customer_id, txn_at, pk, lines in found
            for line_no, item, quantity, price, amount in lines
        ]
        if rows:
            with staged("incoming_line", _STAGE_LINES, rows):
                execute(_INSERT_LINES, org=self.desk.org_id)


def _new_sales(
    records: Sequence[BillRecord],
    known: Mapping[str, Bill],
    kept: Shelf,
    owners: Mapping[Who, list[int]],
) -> dict[str, BillRecord]:
    """Whole sales of known customers, of which nothing is stored or kept, in one record of the batch's first shape."""
    shape, times = records[0].shape, Counter(record.external_id for record in records)
    when, net, returned, kind = map(shape.place, ("txn_at", "net", "returns_external_id", "kind"))
    if when is None or net is None or shape.custom:
        return {}
    return {
        record.external_id: record
        for record in records
        if record.shape is shape
        and record.own[when] is not None
        and record.own[net] is not None
        and (kind is None or record.own[kind] == bills.SALE)
        and (returned is None or record.own[returned] is None)
        and record.who is not None
        and len(owners.get(record.who, ())) == 1
        and record.external_id not in known
        and record.external_id not in kept
        and times[record.external_id] == 1
    }


def _as_stored(name: str, column: Sequence[Any], stores: Mapping[str, int]) -> Iterable[Any]:
    if name == "store":
        return [stores[code] if code else None for code in column]
    return map(bills.array, column) if name in ("payment_modes", "coupon_codes") else column


def _staged_bill(bill: Bill) -> list[Any]:
    row = bill.row
    return [
        bill.customer_id, bill.id, bill.external_id, lookup_key("transaction", bill.external_id),
        bill.stored is None, bill.received_at, row["txn_at"], row["kind"], row.get("store_id"), row.get("gross"),
        row.get("discount"), row.get("tax"), row["net"], row["items"], row.get("source"),
        bills.array(row["payment_modes"]), bills.array(row["coupon_codes"]), bills.as_json(row["custom"]),
        row.get("returns_external_id"),
    ]  # fmt: skip
