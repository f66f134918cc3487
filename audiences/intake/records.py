"""From the rows of a file to records: cells by field, and the rows of one bill put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from audiences.intake.answers import Rejected
from audiences.intake.bill_records import LINE_FIELDS
from audiences.intake.csvfile import Row
from audiences.intake.fields import Kind, Record


@dataclass(slots=True)
class Source:
    """A record with the rows it comes from. `record` None: the rows make none, `why` says the reason."""

    rows: list[Row]
    record: Record | None
    why: Rejected | None = None


def sources(kind: Kind, rows: Iterable[Row], columns: Sequence[str]) -> Iterator[Source]:
    """A record for each row; of transactions with lines, for each run of rows with one number."""
    single = _singles(rows, columns)
    if kind is Kind.TRANSACTIONS and set(LINE_FIELDS) & set(columns):
        return _bills(single)
    return single


def _singles(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[Source]:
    width = len(columns)
    ignored = [place for place, name in enumerate(columns) if not name]
    for row in rows:
        if len(row.cells) != width:
            reason = f"The row has {len(row.cells)} cells, the header {width}."
            yield Source([row], None, Rejected("cells", "", reason))
            continue
        record = dict(zip(columns, row.cells, strict=True))
        if ignored:
            record.pop("")
        yield Source([row], record)


def _bills(single: Iterable[Source]) -> Iterator[Source]:
    """Rows of one bill stand together, so that memory stays flat and no line can be lost unseen."""
    for number, group in groupby(single, key=_number):
        together = list(group)
        if number is None:
            yield from together
        else:
            yield _bill(together)


def _number(source: Source) -> str | None:
    return str(source.record["external_id"]) if source.record is not None else None


def _bill(together: list[Source]) -> Source:
    rows = [row for source in together for row in source.rows]
    records = [dict(source.record or {}) for source in together]
    lines = [{name: record.pop(name) for name in LINE_FIELDS if name in record} for record in records]
    bill = records[0]
    if any(other != bill for other in records[1:]):
        return Source(
            rows, None, Rejected("rows_differ", "", "The rows of a bill say different things of the bill.")
        )
    # A bill without lines has one row whose line cells are empty.
    given = [line for line in lines if any(line.values())]
    numbers = [str(line.get("line_no", "")).strip() for line in given]
    if numbers != [str(number) for number in range(1, len(numbers) + 1)]:
        reason = "The rows of a bill stand together, and their line_no counts 1, 2, 3 …"
        return Source(rows, None, Rejected("line_order", "line_no", reason))
    return Source(rows, {**bill, "lines": given})
