"""What a record may hold: its fields, how each is read, and how it is explained to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audiences.intake.answers import Rejected
from audiences.intake.values import Reader, Unfit

Record = Mapping[str, Any]


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


def read_record(record: Record, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values that were given, by field; None where the record clears one (A-13). Raises `Rejected`."""
    values: dict[str, Any] = {}
    for name, value in record.items():
        try:
            field = fields[name]
        except KeyError:
            known = ", ".join(fields)
            raise Rejected("unknown_field", str(name), f"“{name}” is not known. Known: {known}.") from None
        if not value and (value is None or value in ("", [])):
            values[name] = None
            continue
        try:
            values[name] = field.read(value)
        except Unfit as unfit:
            if type(value) is str and value.isspace():
                values[name] = None
                continue
            raise Rejected(unfit.code, name, f"{name}: {unfit.reason}") from None
    return values


def require(values: Mapping[str, Any], name: str) -> None:
    """Raise `Rejected` when a field that every new record needs is missing or empty."""
    if values.get(name) is None:
        raise Rejected("missing", name, f"{name} is missing.")
