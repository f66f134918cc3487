"""Reading one transaction record with its lines (A-14)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from audiences.contacts import Malformed, address_key, normal
from audiences.intake import values
from audiences.intake.answers import Rejected
from audiences.intake.desk import Desk
from audiences.intake.fields import Field, Record, by_name, read_record, require
from audiences.intake.values import Reader, Unfit
from audiences.keys import lookup_key
from audiences.models import ContactPoint

CUSTOM: Final = "custom."
_CUSTOM_NAME: Final = re.compile(r"custom\.[a-z0-9_]{1,40}")
MOST_CUSTOM: Final = 20
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


@dataclass(slots=True)
class BillRecord:
    """What a record says. Missing keys of `columns` were left out, None clears; `lines` None: left out.

    `raw` is the record as it came, for the bill that has to wait for its customer.
    """

    external_id: str
    who: Who | None
    columns: dict[str, Any]
    custom: dict[str, Any]
    lines: list[Line] | None
    raw: dict[str, Any]


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

    def __call__(self, record: Record) -> BillRecord:
        given = read_record(record, self.fields)
        require(given, "external_id")
        custom = {name[len(CUSTOM) :]: value for name, value in given.items() if name.startswith(CUSTOM)}
        if len(custom) > MOST_CUSTOM:
            raise Rejected("too_many", CUSTOM, f"A transaction has at most {MOST_CUSTOM} fields of your own.")
        columns = {column: given[name] for name, column in _COLUMNS.items() if name in given}
        for name in ("payment_modes", "coupon_codes"):
            if name in columns:
                columns[name] = columns[name] or []
        if "kind" in columns:
            columns["kind"] = columns["kind"] or "sale"
        lines = (given["lines"] or []) if "lines" in given else None
        return BillRecord(given["external_id"], self._who(given), columns, custom, lines, dict(record))

    def _who(self, given: Mapping[str, Any]) -> Who | None:
        """The first of the three that is filled names the customer."""
        for name, kind in _WHO.items():
            value = given.get(name)
            if value is None:
                continue
            if name == "customer":
                return Who(kind, lookup_key(kind, value), value)
            try:
                value = normal(kind, value, self.desk.region)
            except Malformed:
                raise Rejected("malformed", name, f"{name}: This is no {kind} address.") from None
            return Who(kind, address_key(kind, value), value)
        return None
