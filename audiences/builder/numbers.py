"""Numbers as people type and read them, to and from the stored form of a tree."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from babel.numbers import get_currency_precision

from audiences.segments.values import Number
from engage.orgs.models import OrgSettings

_TYPED: Final = re.compile(r"-?\d+(\.\d+)?")
# 1,234,567 and 12,34,567: groups of two or three digits, the last of three, so that 3,50 is no thousand.
_GROUPED: Final = re.compile(
    r"(-?\d{1,3}(?:[,'\u0020\u00a0\u202f]\d{2,3})*[,'\u0020\u00a0\u202f]\d{3})(\.\d+)?"
)
_NO_DIGIT: Final = re.compile(r"[^\d-]")


def stored(text: str, kind: Number, settings: OrgSettings) -> Any:
    """A typed number in the stored form: grouping is taken away, money becomes minor units.

    What is no number stays as it was typed, so that it can be shown again with what is wrong about it.
    """
    plain = text.strip()
    if settings.number_format == "eu":
        plain = plain.translate(str.maketrans(".,", ",."))
    grouped = _GROUPED.fullmatch(plain)
    if grouped is not None:
        plain = _NO_DIGIT.sub("", grouped[1]) + (grouped[2] or "")
    if not _TYPED.fullmatch(plain):
        return text
    number = Decimal(plain)
    if kind.money:
        number = number.scaleb(get_currency_precision(settings.currency))
    if number == number.to_integral_value() and abs(number) < 10**18:
        return int(number)
    return format(number, "f")


def typed(value: Any, kind: Number, settings: OrgSettings) -> str:
    """A stored number as it stands in its field: no grouping, the org's decimal sign."""
    if value is None or not _TYPED.fullmatch(str(value)):
        return "" if value is None else str(value)
    number = Decimal(str(value))
    if kind.money:
        number = number.scaleb(-get_currency_precision(settings.currency))
    text = format(number.normalize(), "f")
    return text.replace(".", ",") if settings.number_format == "eu" else text
