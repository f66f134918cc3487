"""How an org writes numbers, money, time: pure functions, the same on pages, in mails and in charts.

Rounding is half up, away from zero (M-03), from the exact value. What does not apply is None and reads as a
dash, never as 0 (M-04).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, get_currency_precision

DASH: Final = "—"
MINUS: Final = "−"
NO_BREAK: Final = "\u00a0"

Number = int | float | Decimal | Fraction


class Style(Protocol):
    """What this module asks of an org's settings."""

    time_zone: str
    currency: str
    number_format: str
    language: str


class PlainStyle:
    """For pages that stand outside any org (sign-in, errors)."""

    time_zone = "UTC"
    currency = "EUR"
    number_format = "en"
    language = "en"


PLAIN: Final = PlainStyle()

_NUMBER_LOCALES: Final = {"en": "en", "in": "en_IN", "eu": "de"}
_SHORT_UNITS: Final = {
    "in": ((10_000_000, f"{NO_BREAK}Cr"), (100_000, f"{NO_BREAK}L")),
    "en": ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")),
    "eu": ((1_000_000_000, f"{NO_BREAK}B"), (1_000_000, f"{NO_BREAK}M"), (1_000, f"{NO_BREAK}k")),
}
# Below this a number is short enough to be read whole.
_SHORT_FROM: Final = 100_000


def rounded(value: Number, places: int) -> Decimal:
    """Half up, away from zero. A float counts as the decimal that Python prints for it."""
    if isinstance(value, Fraction):
        steps, rest = divmod(abs(value.numerator) * 10**places, value.denominator)
        steps += 2 * rest >= value.denominator
        return Decimal(steps if value >= 0 else -steps).scaleb(-places)
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def number(value: Number | None, style: Style = PLAIN, *, places: int = 0) -> str:
    """Grouped as the org groups: 1,234,567 or 12,34,567 or 1.234.567."""
    if value is None:
        return DASH
    exact = rounded(value, places)
    pattern = "#,##,##0" if style.number_format == "in" else "#,##0"
    if places:
        pattern += "." + "0" * places
    return _signed(exact, format_decimal(abs(exact), format=pattern, locale=_locale(style)))


def exports_percent(value: Number | None) -> str:
    """Six decimals and a point, whatever the org's format; empty where it does not apply (M-03, M-04)."""
    return "" if value is None else str(rounded(value, 6))


def compact(value: Number | None, style: Style = PLAIN) -> str:
    """Three figures for tiles: 1.24M; 12.4 L and 3.18 Cr where the org counts in lakh and crore."""
    if value is None:
        return DASH
    whole = rounded(value, 0)
    return _signed(whole, _short(abs(whole), style))


def money(minor: int | None, style: Style = PLAIN, *, currency: str = "") -> str:
    """Minor units to the currency's own decimals: 123450 is ₹1,234.50, ¥123,450 and KWD 123.450."""
    if minor is None:
        return DASH
    code = currency or style.currency
    decimals = get_currency_precision(code)
    amount = Decimal(abs(minor)).scaleb(-decimals)
    return _signed(minor, _with_symbol(number(amount, style, places=decimals), code, style))


def money_compact(minor: int | None, style: Style = PLAIN, *, currency: str = "") -> str:
    """For tiles: ₹3.18 Cr. Small amounts are written whole, without decimals."""
    if minor is None:
        return DASH
    code = currency or style.currency
    amount = rounded(Decimal(minor).scaleb(-get_currency_precision(code)), 0)
    return _signed(amount, _with_symbol(_short(abs(amount), style), code, style))


def percent(value: Number | None, style: Style = PLAIN) -> str:
    """Of a value that is already a percentage: 96.804 is 96.80%."""
    text = number(value, style, places=2)
    if value is None:
        return text
    return text + (f"{NO_BREAK}%" if style.number_format == "eu" else "%")


def points(value: Number | None, style: Style = PLAIN) -> str:
    """A difference of two percentages, with its sign: +1.70 pt."""
    return signed(value, style, places=2) + ("" if value is None else f"{NO_BREAK}pt")


def signed(value: Number | None, style: Style = PLAIN, *, places: int = 0) -> str:
    """A difference: + is written too."""
    text = number(value, style, places=places)
    return f"+{text}" if value is not None and rounded(value, places) > 0 else text


def axis(ticks: Sequence[float], style: Style = PLAIN) -> list[str]:
    """The ticks of one axis in one unit, so that 40k never stands under 120,000."""
    top = max((abs(tick) for tick in ticks), default=0)
    size, suffix = next((unit for unit in _SHORT_UNITS[style.number_format] if top >= unit[0]), (1, ""))
    scaled = [Decimal(str(tick)) / size for tick in ticks]
    places = max((_decimals(tick) for tick in scaled), default=0)
    return [number(tick, style, places=places) + suffix if tick else "0" for tick in scaled]


def zone_name(at: datetime) -> str:
    """The short name people use (IST, CET); UTC+4 where the zone has none."""
    name = at.tzname() or ""
    if not name.startswith(("+", "-")):
        return name
    return _offset(at)


def instant(at: datetime | None, style: Style = PLAIN, *, zone: str = "") -> str:
    """An instant in Org time with the zone named: 24 Nov 2026, 10:30 IST (Q-32)."""
    if at is None:
        return DASH
    local = at.astimezone(ZoneInfo(zone or style.time_zone))
    written = format_datetime(local, "d MMM y, HH:mm", tzinfo=local.tzinfo, locale=_language(style))
    return f"{written} {zone_name(local)}"


def instant_in_full(at: datetime, style: Style = PLAIN, *, zone: str = "") -> str:
    """To the second, with the weekday, the zone's own name and its offset."""
    key = zone or style.time_zone
    local = at.astimezone(ZoneInfo(key))
    written = format_datetime(local, "EEEE d MMMM y, HH:mm:ss", tzinfo=local.tzinfo, locale=_language(style))
    return f"{written} {zone_name(local)} ({key}, {_offset(local)})"


def clock(at: datetime | None, style: Style = PLAIN) -> str:
    """The time of day only, for something that happened just now: 10:30 IST."""
    if at is None:
        return DASH
    local = at.astimezone(ZoneInfo(style.time_zone))
    return f"{local:%H:%M} {zone_name(local)}"


def day(on: date | datetime | None, style: Style = PLAIN) -> str:
    """A calendar day; of an instant, its day in Org time."""
    if on is None:
        return DASH
    if isinstance(on, datetime):
        on = on.astimezone(ZoneInfo(style.time_zone)).date()
    return format_date(on, "d MMM y", locale=_language(style))


def iso(at: datetime) -> str:
    """For `datetime=` attributes and copies: UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signed(value: Decimal | int, text: str) -> str:
    return f"{MINUS}{text}" if value < 0 else text


def _short(value: Decimal, style: Style) -> str:
    """`value` is whole and not negative."""
    if value >= _SHORT_FROM:
        for size, suffix in _SHORT_UNITS[style.number_format]:
            # 999,950 rounds up to 1.00M, not to 1,000k.
            if value + Decimal(size) / 2000 >= size:
                scaled = value / size
                places = 2 if scaled < Decimal("9.995") else 1 if scaled < Decimal("99.95") else 0
                return number(scaled, style, places=places) + suffix
    return number(value, style)


def _decimals(value: Decimal) -> int:
    exponent = rounded(value, 2).normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _with_symbol(digits: str, code: str, style: Style) -> str:
    symbol = _parsed("en").currency_symbols.get(code, code)
    if style.number_format == "eu":
        return f"{digits}{NO_BREAK}{symbol}"
    return f"{symbol}{NO_BREAK if symbol[-1].isalpha() else ''}{digits}"


@lru_cache(maxsize=8)
def _parsed(name: str) -> Locale:
    return Locale.parse(name.replace("-", "_"))


def _locale(style: Style) -> Locale:
    return _parsed(_NUMBER_LOCALES[style.number_format])


def _language(style: Style) -> Locale:
    return _parsed(style.language)


def _offset(at: datetime) -> str:
    minutes = int((at.utcoffset() or UTC.utcoffset(None)).total_seconds()) // 60
    sign = MINUS if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")
