"""The door of records: `take` for calls and loaders, batch by batch for files.

A batch is one transaction under the org's intake lock: all of it is there or none, and a repeated one changes nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import Any, Final, Protocol

from audiences.intake.answers import Answer, Answers, Rejected
from audiences.intake.catalogue import ProductWriter, StoreWriter
from audiences.intake.clearings import ClearingWriter
from audiences.intake.customers import CustomerWriter
from audiences.intake.desk import Desk
from audiences.intake.fields import Field, Kind, Record, Sheet, sheets
from audiences.intake.lines import LineWriter
from audiences.intake.staging import only_one_intake
from audiences.intake.statistics import Growth
from audiences.intake.transactions import TransactionWriter
from audiences.intake.zones import ZoneWriter
from engage.orgs import audit
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_context

BATCH: Final = 10_000
# A batch also ends when its records hold this many lines.
BATCH_LINES: Final = 40_000


class Writer(Protocol):
    """One kind of record, for one org."""

    desk: Desk
    fields: dict[str, Field]

    @property
    def kind(self) -> Kind:
        """Which kind."""

    @property
    def read(self) -> Callable[[Sheet], list[Any]]:
        """Read records, each into what `write` takes or into `Rejected`; pure."""

    def name_of(self, record: Any) -> str:
        """What identifies a read record in an answer."""

    def prepare(self, batch: Sequence[tuple[int, Any]]) -> None:
        """What has to be there before the batch's transaction begins."""

    def write(self, batch: Sequence[tuple[int, Any]], at: datetime) -> list[Answer]:
        """Write read records inside the transaction; one answer each, in order."""


_WRITERS: Final[dict[Kind, Callable[[Desk], Writer]]] = {
    Kind.CUSTOMERS: CustomerWriter,
    Kind.STORES: StoreWriter,
    Kind.ZONES: ZoneWriter,
    Kind.PRODUCTS: ProductWriter,
    Kind.TRANSACTIONS: TransactionWriter,
    Kind.LINES: LineWriter,
    Kind.CLEARINGS: ClearingWriter,
}
_IDENTITY: Final = {
    Kind.CUSTOMERS: "external_id",
    Kind.TRANSACTIONS: "external_id",
    Kind.LINES: "transaction",
    Kind.CLEARINGS: "address",
}


@dataclass(slots=True)
class Batch:
    """Records read and ready to be written, and the answers of those that were rejected by reading."""

    good: list[tuple[int, Any]]
    rejected: list[Answer]


def open_writer(org: Org | int, kind: Kind, *, source: str, at: datetime, by: User | None = None) -> Writer:
    """A writer that knows the org's settings, attributes and units as of now. Call inside the org's context."""
    settings = OrgSettings.objects.for_org(org).get()
    return _WRITERS[kind](Desk(settings, source, at, by))


@contextmanager
def no_collector() -> Iterator[None]:
    """A batch is many small objects without cycles: looking for some costs a fifth of the whole import."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_batch(writer: Writer, together: Sequence[Sheet]) -> Batch:
    """Read the records of some sheets; touches no database."""
    batch = Batch([], [])
    for sheet in together:
        for place, (number, record) in enumerate(zip(sheet.numbers, writer.read(sheet), strict=True)):
            if isinstance(record, Rejected):
                name = sheet.record(place).get(_IDENTITY.get(writer.kind, "code"))
                batch.rejected.append(Answer.rejection(number, str(name or "")[:100], record))
            else:
                batch.good.append((number, record))
    if len(together) > 1:
        batch.good.sort(key=itemgetter(0))
    return batch


def write_batch(org_id: int, writer: Writer, batch: Batch, at: datetime) -> list[Answer]:
    """Write a read batch, inside the org's context and one transaction. Answers are in the order of the numbers."""
    only_one_intake(org_id)
    answers = writer.write(batch.good, at) if batch.good else []
    return sorted([*answers, *batch.rejected], key=lambda answer: answer.number)


def sliced(records: Iterable[tuple[int, Record]]) -> Iterator[list[tuple[int, Record]]]:
    """Batches of records, smaller where they carry many lines."""
    iterator = iter(records)
    while True:
        batch: list[tuple[int, Record]] = []
        lines = 0
        for number, record in islice(iterator, BATCH):
            batch.append((number, record))
            carried = record.get("lines")
            lines += len(carried) if isinstance(carried, list) else 0
            if lines >= BATCH_LINES:
                break
        if not batch:
            return
        yield batch


def take(
    org: Org,
    kind: str,
    records: Iterable[Record],
    *,
    source: str,
    at: datetime,
    by: User | None = None,
) -> Answers:
    """Take records of one kind and say what became of each (A-13, A-16). Safe to repeat.

    A record maps field names, as in a file's header, to text or to the JSON type of the field; a key left out leaves
    the stored value, an empty value clears it. Transactions may carry `lines`, a list of mappings. Each batch of
    10,000 is one transaction, unless the caller's own is open. `by` is audited when a person or key sent the records.
    """
    answers, growth = Answers(), Growth(Kind(kind))
    with org_context(org.pk):
        writer = open_writer(org, Kind(kind), source=source, at=at, by=by)
    for numbered in sliced(enumerate(records)):
        with no_collector():
            batch = read_batch(writer, sheets(numbered))
            writer.prepare(batch.good)
            with org_context(org.pk):
                written = write_batch(org.pk, writer, batch, at)
        growth.add(written, writer.desk.months)
        answers.rows += written
    if by is not None:
        with org_context(org.pk):
            audit.record(org, "intake.taken", by=by, at=at, after={"kind": str(kind), **answers.counts})
    return answers
