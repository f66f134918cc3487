"""Writing lines of transactions from a file of their own, after the bills: upserts by bill and line number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from audiences.intake import bills, values
from audiences.intake.answers import Answer, Rejected, Verdict
from audiences.intake.bill_records import LINE_FIELDS, MOST_LINES, Line, items_of, line_fields, read_line
from audiences.intake.desk import Desk
from audiences.intake.fields import Field, Kind, Sheet, by_name, read_sheet
from audiences.intake.transactions import TransactionWriter
from audiences.intake.waiting import Shelf

BILL: Final = "transaction"


def fields_of(desk: Desk) -> dict[str, Field]:
    return by_name(Field(BILL, values.code(100))) | line_fields(desk)


@dataclass(slots=True)
class LineRecord:
    """What a record says about one line of a bill; `raw` is the line as it came."""

    transaction: str
    line_no: int
    given: dict[str, Any]
    raw: dict[str, Any]


class LineWriter:
    """Writes batches of lines of one org. Call inside its context, after `only_one_intake`."""

    kind = Kind.LINES

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.fields = fields_of(desk)
        self._bills = TransactionWriter(desk)

    def read(self, sheet: Sheet) -> list[LineRecord | Rejected]:
        def line(place: int, given: dict[str, Any]) -> LineRecord:
            raw = {name: value for name, value in sheet.record(place).items() if name in LINE_FIELDS}
            return LineRecord(given.pop(BILL), given["line_no"], given, raw)

        return read_sheet(sheet, self.fields, BILL, "line_no").each(line)

    def name_of(self, record: LineRecord) -> str:
        return f"{record.transaction} line {record.line_no}"

    def prepare(self, batch: Sequence[tuple[int, LineRecord]]) -> None:
        """The months are those of bills that are there."""

    def write(self, batch: Sequence[tuple[int, LineRecord]], at: datetime) -> list[Answer]:
        """One answer a record, in order."""
        named = {record.transaction for _, record in batch}
        known = bills.load(self.desk.org_id, bills.places(self.desk.org_id, bills.keys_of(named)))
        bills.load_lines(self.desk.org_id, list(known.values()))
        kept = Shelf(self.desk.org_id, named - known.keys())
        lines = {
            name: {line.line_no: line for line in bill.stored_lines or []} for name, bill in known.items()
        }
        answers = []
        for number, record in batch:
            try:
                if record.transaction in lines:
                    verdict, code = _into(lines[record.transaction], record), ""
                else:
                    verdict, code = self._keep(record, kept), "waiting"
                answers.append(Answer(number, self.name_of(record), verdict, code))
            except Rejected as rejected:
                answers.append(Answer.rejection(number, self.name_of(record), rejected))
        kept.write()
        for name, bill in known.items():
            bill.lines = sorted(lines[name].values())
            bill.row["items"] = items_of(bill.lines)
        changed = [bill for bill in known.values() if bill.lines_changed]
        self._bills.write_bills(changed, at)
        return answers

    def _keep(self, record: LineRecord, kept: Shelf) -> Verdict:
        """A line of a bill that waits for its customer waits with it."""
        waiting = kept.get(record.transaction)
        if waiting is None:
            reason = "There is no such transaction. Import the transactions first, then their lines."
            raise Rejected("unknown_transaction", BILL, reason)
        read_line(record.given, record.line_no)
        lines = {line["line_no"]: line for line in _numbered(waiting.get("lines") or [])}
        before = lines.get(record.line_no)
        lines[record.line_no] = {**(before or {}), **record.raw, "line_no": record.line_no}
        if lines[record.line_no] == before:
            return Verdict.UNCHANGED
        kept.change(record.transaction, {**waiting, "lines": list(lines.values())})
        return Verdict.UPDATED if before else Verdict.CREATED


def _numbered(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**line, "line_no": int(line.get("line_no") or number)} for number, line in enumerate(lines, 1)]


def _into(lines: dict[int, Line], record: LineRecord) -> Verdict:
    before = lines.get(record.line_no)
    line = read_line({**(before._asdict() if before else {}), **record.given}, record.line_no)
    if line == before:
        return Verdict.UNCHANGED
    if len(lines) >= MOST_LINES and before is None:
        raise Rejected("too_many", "line_no", f"A transaction has at most {MOST_LINES} lines.")
    lines[record.line_no] = line
    return Verdict.UPDATED if before else Verdict.CREATED
