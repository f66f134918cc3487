"""Reading one transaction record with its lines (A-14)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from audiences.contacts import Malformed, address_key, normal
from audiences.intake import values
from audiences.intake.answers import Rejected
from audiences.intake.desk import Desk
from audiences.intake.fields import Columns, Field, Record, Sheet, by_name, read_record, read_sheet, require
from audiences.intake.values import Reader, Unfit
from audiences.keys import lookup_key
from audiences.models import ContactPoint

CUSTOM: Final = "custom."
_CUSTOM_NAME: Final = re.compile(r"custom\.[a-z0-9_]{1,40}")
MOST_CUSTOM: Final = 20
# Records of a call may each have another shape; those remembered are forgotten at this many.
MOST_SHAPES: Final = 1_000
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
MOST_LINES: Final = 5_000
QUANTITY_SCALE: Final = 1_000
# field → column, for what is stored as it was read
_COLUMNS: Final = {
    "at": "txn_at", "kind": "kind", "gross": "gross", "discount": "discount", "tax": "tax", "net": "net",
    "source": "source", "payment_modes": "payment_modes", "coupon_codes": "coupon_codes",
    "returns": "returns_external_id", "store": "store",
}  # fmt: skip
_WHO: Final = {
    "customer": "customer",
    "customer_email": ContactPoint.Kind.EMAIL.value,
    "customer_phone": ContactPoint.Kind.PHONE.value,
}
LINE_FIELDS: Final = ("line_no", "item", "quantity", "price", "amount")


class Who(NamedTuple):
    """How a record names its customer: `customer` (external id), `email` or `phone`, with the look-up key."""

    kind: str
    key: int
    value: str


class Line(NamedTuple):
    """A line as it is compared and stored; `item` is the product's code. Quantity in thousandths."""

    line_no: int
    item: str
    quantity: int
    price: int | None
    amount: int


class Shape:
    """Which fields a record gives, sorted by where they go. A file's records all have one shape."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = [name for name in _COLUMNS if name in names]
        # The columns of the bill that `BillRecord.own` fills.
        self.own = tuple(_COLUMNS[name] for name in self.names)
        self.custom = [name for name in names if name.startswith(CUSTOM)]
        self.lines = "lines" in names
        self._places = {column: place for place, column in enumerate(self.own)}

    def place(self, column: str) -> int | None:
        """Where the column's value stands in `own`, None where records of this shape leave it out."""
        return self._places.get(column)


class BillRecord(NamedTuple):
    """What a record says. What the shape lacks was left out, None clears; `lines` None: left out.

    `sheet` and `place` are where it came from.
    """

    external_id: str
    key: int
    who: Who | None
    shape: Shape
    own: tuple[Any, ...]
    custom: Mapping[str, Any]
    lines: list[Line] | None
    sheet: Sheet
    place: int

    def get(self, column: str) -> Any:
        """The value of one column, None also where it was left out."""
        place = self.shape.place(column)
        return None if place is None else self.own[place]

    @property
    def columns(self) -> dict[str, Any]:
        return dict(zip(self.shape.own, self.own, strict=True))

    @property
    def raw(self) -> dict[str, Any]:
        """The record as it came, for the bill that has to wait for its customer."""
        return self.sheet.record(self.place)


class _Fields(dict[str, Field]):
    """The fields of a transaction; any `custom.name` becomes one when it is first met."""

    def __missing__(self, name: str) -> Field:
        if not _CUSTOM_NAME.fullmatch(name):
            raise KeyError(name)
        self[name] = Field(name, values.text(500))
        return self[name]


def fields_of(desk: Desk) -> dict[str, Field]:
    """The fields of a transaction in this org."""
    amount, word = _unsigned(desk.money), values.text(40)
    return _Fields(
        by_name(
            Field("external_id", values.code(100)),
            Field("customer", values.code(100)),
            Field("customer_email", values.text(254)),
            Field("customer_phone", values.text(254)),
            Field("at", desk.recent),
            Field("kind", values.choice({"sale": "sale", "return": "return"})),
            Field("store", values.code(60)),
            Field("gross", amount),
            Field("discount", amount),
            Field("tax", amount),
            Field("net", amount),
            Field("currency", _currency(desk.settings.currency)),
            Field("source", word),
            Field("payment_modes", values.many(word, 20)),
            Field("coupon_codes", values.many(values.text(60), 50)),
            Field("returns", values.code(100)),
            Field("lines", _lines(desk)),
        )
    )


def line_fields(desk: Desk) -> dict[str, Field]:
    """The fields of one line, beside the number of its bill."""
    return by_name(
        Field("line_no", values.whole(32_000, least=1)),
        Field("item", values.code(60)),
        Field("quantity", values.scaled(3)),
        Field("price", desk.money),
        Field("amount", desk.money),
    )


def read_line(given: Mapping[str, Any], line_no: int) -> Line:
    """A line from its values; `line_no` is used when the record gives none."""
    require(given, "item")
    require(given, "amount")
    quantity = given.get("quantity")
    if quantity is None:
        quantity = QUANTITY_SCALE
    elif abs(quantity) > 10**9:
        raise Rejected("out_of_range", "quantity", "quantity: This must be at most 1000000.")
    number = given.get("line_no")
    return Line(
        line_no if number is None else number, given["item"], quantity, given.get("price"), given["amount"]
    )


def items_of(lines: Sequence[Line]) -> int:
    """How many items a bill holds; part of one (0.4 kg) counts as one."""
    return min(sum(-(-line.quantity // QUANTITY_SCALE) for line in lines if line.quantity > 0), 2**31 - 1)


def _lines(desk: Desk) -> Reader:
    fields = line_fields(desk)

    def read(value: Any) -> list[Line]:
        if type(value) is not list or len(value) > MOST_LINES:
            raise Unfit("wrong_type", f"This must be a list of at most {MOST_LINES} lines.")
        lines = []
        for number, line in enumerate(value, 1):
            if not isinstance(line, Mapping):
                raise Unfit("wrong_type", f"Line {number} must hold {', '.join(LINE_FIELDS)}.")
            try:
                lines.append(read_line(read_record(line, fields), number))
            except Rejected as rejected:
                raise Unfit(rejected.code, f"Line {number}: {rejected.reason}") from None
        if len({line.line_no for line in lines}) < len(lines):
            raise Unfit("double_line", "Two lines have the same line_no.")
        return sorted(lines)

    return read


def _unsigned(read_money: Reader) -> Reader:
    def read(value: Any) -> int:
        found: int = read_money(value)
        if found < 0:
            raise Unfit("negative", "Amounts have no sign, also those of a return (kind = return).")
        return found

    return read


def _currency(currency: str) -> Reader:
    def read(value: Any) -> str:
        if type(value) is str and value.strip().upper() == currency:
            return currency
        raise Unfit("currency", f"Amounts must be in {currency}, the currency of your organisation.")

    return read


class BillReader:
    """Reads records of one org; pure, so that it may run ahead of the batch being written."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.fields = fields_of(desk)
        self._shape = lru_cache(MOST_SHAPES)(Shape)

    def one(self, record: Record) -> BillRecord:
        """A single record. Raises `Rejected`."""
        (read,) = self(Sheet(tuple(record), [0], [tuple(record.values())]))
        if isinstance(read, Rejected):
            raise read
        return read

    def __call__(self, sheet: Sheet) -> list[BillRecord | Rejected]:
        read = read_sheet(sheet, self.fields, "external_id")
        shape, values, size = self._shape(tuple(read.values)), read.values, read.size
        whos = self._whos(read)
        if len(shape.custom) > MOST_CUSTOM:
            why = Rejected("too_many", CUSTOM, f"A transaction has at most {MOST_CUSTOM} fields of your own.")
            read.refused = dict.fromkeys(range(size), why) | read.refused
        if len(read.refused) == size:
            return [read.refused[place] for place in range(size)]
        own = [_filled(name, values[name]) for name in shape.names]
        records: list[BillRecord | Rejected] = list(
            map(
                BillRecord,
                values["external_id"],
                [lookup_key("transaction", external_id) for external_id in values["external_id"]],
                whos,
                repeat(shape, size),
                zip(*own, strict=True) if own else repeat(()),
                _custom(shape, values, size),
                [lines or [] for lines in values["lines"]] if shape.lines else repeat(None),
                repeat(sheet),
                range(size),
            )
        )
        for place, why in read.refused.items():
            records[place] = why
        return records

    def _whos(self, read: Columns) -> list[Who | None]:
        """Who each record's customer is: the first of the three fields that is filled says it."""
        found: list[Any] = [None] * read.size
        for name, kind in reversed(_WHO.items()):
            column = read.values.get(name)
            if column is None:
                continue
            known = {value: self._who(name, kind, value) for value in set(column)}
            for place, value in enumerate(column):
                if value is not None:
                    found[place] = known[value]
        for place, who in enumerate(found):
            if isinstance(who, Rejected):
                read.refused.setdefault(place, who)
        return found

    def _who(self, name: str, kind: str, value: str | None) -> Any:
        if value is None:
            return None
        if name == "customer":
            return Who(kind, lookup_key(kind, value), value)
        try:
            value = normal(kind, value, self.desk.region)
        except Malformed:
            return Rejected("malformed", name, f"{name}: This is no {kind} address.")
        return Who(kind, address_key(kind, value), value)


def _filled(name: str, column: list[Any]) -> list[Any]:
    """What an empty cell means where the column takes no NULL."""
    if name in ("payment_modes", "coupon_codes"):
        return [value or [] for value in column]
    return [value or "sale" for value in column] if name == "kind" else column


def _custom(shape: Shape, values: Mapping[str, list[Any]], size: int) -> Iterable[Mapping[str, Any]]:
    """The fields of the org's own, by their bare names."""
    if not shape.custom:
        return repeat(_NOTHING, size)
    names = [name[len(CUSTOM) :] for name in shape.custom]
    columns = zip(*(values[name] for name in shape.custom), strict=True)
    return [dict(zip(names, given, strict=True)) for given in columns]
