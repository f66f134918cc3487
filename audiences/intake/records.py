"""From the rows of a file to records: cells by field, and the rows of one bill put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

from audiences.intake.answers import Answer, Rejected
from audiences.intake.bill_records import LINE_FIELDS
from audiences.intake.csvfile import Row
from audiences.intake.fields import Kind, Sheet


@dataclass(slots=True)
class Part:
    """The rows of one batch of a file: the records they make, and who made none."""

    sheet: Sheet
    # The rows of a record by its number, which is the line that it begins on.
    rows: dict[int, Sequence[Row]] = field(default_factory=dict)
    refused: list[Answer] = field(default_factory=list)
    size: int = 0

    def refuse(self, rows: Sequence[Row], why: Rejected) -> None:
        self.rows[rows[0].line] = rows
        self.refused.append(Answer.rejection(rows[0].line, "", why))


def parts(
    kind: Kind, rows: Iterator[Row], columns: Sequence[str], *, most: int, most_rows: int
) -> Iterator[Part]:
    """A record for each row; of transactions with lines, for each run of rows with one number."""
    if kind is Kind.TRANSACTIONS and set(LINE_FIELDS) & set(columns):
        return _bills(rows, columns, most, most_rows)
    return _singles(rows, tuple(columns), most)


def _singles(rows: Iterator[Row], columns: tuple[str, ...], most: int) -> Iterator[Part]:
    width = len(columns)
    while together := list(islice(rows, most)):
        part = Part(Sheet(columns), size=len(together))
        good = [row for row in together if len(row.cells) == width]
        part.sheet.numbers, part.sheet.rows = [row.line for row in good], [row.cells for row in good]
        part.rows = {row.line: (row,) for row in good}
        for row in together if len(good) < len(together) else ():
            if len(row.cells) != width:
                part.refuse([row], _cells(row, width))
        yield part


def _cells(row: Row, width: int) -> Rejected:
    return Rejected("cells", "", f"The row has {len(row.cells)} cells, the header {width}.")


def _bills(rows: Iterable[Row], columns: Sequence[str], most: int, most_rows: int) -> Iterator[Part]:
    """Rows of one bill stand together, so that memory stays flat and no line can be lost unseen."""
    shape = tuple(name for name in columns if name and name not in LINE_FIELDS)
    width, place = len(columns), columns.index("external_id")
    part = Part(Sheet((*shape, "lines")))
    for _, group in groupby(rows, key=lambda row: row.cells[place] if len(row.cells) == width else None):
        together = list(group)
        part.size += len(together)
        if len(together[0].cells) == width:
            _add_bill(part, together, columns)
        else:
            for row in together:
                part.refuse([row], _cells(row, width))
        if len(part.rows) >= most or part.size >= most_rows:
            yield part
            part = Part(Sheet(part.sheet.names))
    if part.size:
        yield part


def _add_bill(part: Part, rows: list[Row], columns: Sequence[str]) -> None:
    records = [dict(zip(columns, row.cells, strict=True)) for row in rows]
    lines = [{name: record.pop(name) for name in LINE_FIELDS if name in record} for record in records]
    bills = [tuple(record[name] for name in part.sheet.names[:-1]) for record in records]
    if any(other != bills[0] for other in bills[1:]):
        part.refuse(rows, Rejected("rows_differ", "", "The rows of a bill say different things of the bill."))
        return
    # A bill without lines has one row whose line cells are empty.
    given = [line for line in lines if any(line.values())]
    numbers = [str(line.get("line_no", "")).strip() for line in given]
    if numbers != [str(number) for number in range(1, len(numbers) + 1)]:
        reason = "The rows of a bill stand together, and their line_no counts 1, 2, 3 …"
        part.refuse(rows, Rejected("line_order", "line_no", reason))
        return
    part.rows[rows[0].line] = rows
    part.sheet.numbers.append(rows[0].line)
    part.sheet.rows.append((*bills[0], given))
