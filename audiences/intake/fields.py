"""What a record may hold: its fields, how each is read, and records read column by column.

Records of one shape are read together: a column says the same few words over and over, and each is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

from audiences.intake.answers import Rejected
from audiences.intake.values import Reader, Unfit

Record = Mapping[str, Any]
T = TypeVar("T")
_TEXT: Final = frozenset({str, type(None)})


class Kind(StrEnum):
    """The record kinds of A-12; `lines` is the second file of transactions, `clearings` that of A-11."""

    CUSTOMERS = "customers"
    STORES = "stores"
    ZONES = "zones"
    PRODUCTS = "products"
    TRANSACTIONS = "transactions"
    LINES = "lines"
    CLEARINGS = "clearings"

    @property
    def label(self) -> str:
        words = {"lines": "Transaction lines", "clearings": "Addresses that work again"}
        return words.get(self.value, self.value.capitalize())


@dataclass(frozen=True, slots=True)
class Field:
    """One column or key, and how its value is read. What people are told about it stands in `guide`."""

    name: str
    read: Reader


def by_name(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


@dataclass(slots=True)
class Sheet:
    """Records of one shape, as they came: the names of their fields, and for each its number and a row of cells.

    An empty name is a column that nobody wants.
    """

    names: tuple[str, ...]
    numbers: list[int] = field(default_factory=list)
    rows: list[Sequence[Any]] = field(default_factory=list)

    def record(self, place: int) -> dict[str, Any]:
        """The record at this place."""
        record = dict(zip(self.names, self.rows[place], strict=True))
        record.pop("", None)
        return record


def sheets(numbered: Iterable[tuple[int, Record]]) -> list[Sheet]:
    """Records sorted by shape."""
    found: dict[tuple[str, ...], Sheet] = {}
    for number, record in numbered:
        names = tuple(record)
        sheet = found.get(names) or found.setdefault(names, Sheet(names))
        sheet.numbers.append(number)
        sheet.rows.append(tuple(record.values()))
    return list(found.values())


@dataclass(slots=True)
class Columns:
    """A sheet that was read: `values` by field, None where a record clears one (A-13), and by place who is refused.

    What else a refused record says stays in its columns and means nothing.
    """

    size: int
    values: dict[str, list[Any]] = field(default_factory=dict)
    refused: dict[int, Rejected] = field(default_factory=dict)

    def refuse(self, name: str, column: Iterable[Any]) -> None:
        for place, value in enumerate(column):
            if type(value) is Unfit:
                self.refused.setdefault(place, Rejected(value.code, name, f"{name}: {value.reason}"))

    def require(self, name: str) -> None:
        """Refuse the records that lack a field which every record needs."""
        column = self.values.get(name) or [None] * self.size
        if None in column:
            why = missing(name)
            for place, value in enumerate(column):
                if value is None:
                    self.refused.setdefault(place, why)

    def each(self, make: Callable[[int, dict[str, Any]], T]) -> list[T | Rejected]:
        """For each record what `make` makes of its place and values, or why it is refused."""
        made: list[T | Rejected] = []
        names = list(self.values)
        for place, given in enumerate(zip(*self.values.values(), strict=True) if names else ()):
            why = self.refused.get(place)
            try:
                made.append(why or make(place, dict(zip(names, given, strict=True))))
            except Rejected as rejected:
                made.append(rejected)
        return made or [self.refused[place] for place in range(self.size)]


def read_sheet(sheet: Sheet, fields: Mapping[str, Field], *required: str) -> Columns:
    """Read the records of a sheet. The first field that does not fit says why a record is refused."""
    read = Columns(len(sheet.rows))
    for name, cells in zip(sheet.names, zip(*sheet.rows, strict=True), strict=True):
        if not name:
            continue
        try:
            reader = fields[name].read
        except KeyError:
            known = ", ".join(fields)
            why = Rejected("unknown_field", str(name), f"“{name}” is not known. Known: {known}.")
            read.refused = dict.fromkeys(range(read.size), why) | read.refused
            continue
        column, fit = _read_cells(reader, cells)
        if not fit:
            read.refuse(name, column)
            column = [None if type(value) is Unfit else value for value in column]
        read.values[name] = column
    for name in required:
        read.require(name)
    return read


def _read_cells(read: Reader, cells: Sequence[Any]) -> tuple[list[Any], bool]:
    """The cells' values, with an `Unfit` for each that does not fit, and whether all do."""
    if not _TEXT.issuperset(map(type, cells)):
        # Equal is not the same here: 1 and true.
        column = [_read_cell(read, cell) for cell in cells]
        return column, Unfit not in map(type, column)
    known = {cell: _read_cell(read, cell) for cell in set(cells)}
    return list(map(known.__getitem__, cells)), Unfit not in map(type, known.values())


def _read_cell(read: Reader, cell: Any) -> Any:
    if not cell and (cell is None or cell in ("", [])):
        return None
    try:
        return read(cell)
    except Unfit as unfit:
        return None if type(cell) is str and cell.isspace() else unfit.with_traceback(None)


def read_record(record: Record, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values of one record, as `read_sheet` reads many. Raises `Rejected`."""
    read = read_sheet(Sheet(tuple(record), [0], [tuple(record.values())]), fields)
    if read.refused:
        raise read.refused[0]
    return {name: column[0] for name, column in read.values.items()}


def missing(name: str) -> Rejected:
    return Rejected("missing", name, f"{name} is missing.")


def require(values: Mapping[str, Any], name: str) -> None:
    """Raise `Rejected` when a field that every new record needs is missing or empty."""
    if values.get(name) is None:
        raise missing(name)
