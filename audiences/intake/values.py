"""Reading one cell or one JSON value. Nothing is coerced: a value of another type is refused (A-04).

Every reader is called with a value that is neither None nor empty, and raises `Unfit`, whose text is fit for the user.
A file gives text; a call may give the JSON type of the field as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers

LARGEST: Final = 10**15
LIST_SEPARATOR: Final = "|"
_YES: Final = {
    "yes": True,
    "y": True,
    "true": True,
    "1": True,
    "no": False,
    "n": False,
    "false": False,
    "0": False,
}
_GENDERS: Final = {
    "f": "female", "female": "female", "m": "male", "male": "male", "other": "other", "x": "other",
}  # fmt: skip
GENDERS: Final = ("female", "male", "other")

Reader = Callable[[Any], Any]


class Unfit(ValueError):
    """The value does not fit its field."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def text(longest: int) -> Reader:
    """Text without control characters; outer space is dropped. Empty text clears, like None."""

    def read(value: Any) -> str | None:
        if type(value) is not str:
            raise Unfit("wrong_type", "This must be text.")
        value = value.strip()
        if len(value) > longest:
            raise Unfit("too_long", f"This is longer than {longest} characters.")
        if not value.isprintable():
            refuse_control(value)
        return value or None

    return read


def refuse_control(value: str) -> None:
    if any(character < " " or "\ud800" <= character <= "\udfff" for character in value):
        raise Unfit("control_character", "This holds a line break or another control character; take it out.")


def code(longest: int) -> Reader:
    """An identifier of the org's own making: text, or a whole number from a JSON call; without `>`."""
    read_text = text(longest)

    def read(value: Any) -> str | None:
        if type(value) is int:
            value = str(value)
        found: str | None = read_text(value)
        if found is not None and ">" in found:
            raise Unfit("bad_code", "A code may not hold the character “>”.")
        return found

    return read


def choice(options: Mapping[str, Any]) -> Reader:
    """One of a few words, case ignored. `options` maps the folded word to what is stored."""
    shown = ", ".join(sorted({str(option) for option in options}))

    def read(value: Any) -> Any:
        if type(value) is str:
            found = options.get(value.strip().casefold())
            if found is not None:
                return found
        raise Unfit("bad_choice", f"This must be one of: {shown}.")

    return read


gender: Final = choice(_GENDERS)


def yes_no(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    if type(value) is str:
        found = _YES.get(value.strip().casefold())
        if found is not None:
            return found
    raise Unfit("bad_yes_no", "This must be yes or no.")


def scaled(decimals: int, *, what: str = "number") -> Reader:
    """An exact decimal, kept as a whole number of the smallest unit: 12.5 with 2 decimals is 1250.

    Digits, a sign and a point; no grouping and no decimal comma, which mean different things in different places.
    """
    zeros, factor = "0" * decimals, 10**decimals
    example = f"1234.{'5'.ljust(decimals, '0')}" if decimals else "1234"
    refusal = Unfit("bad_number", f"This must be a {what} like {example}: digits and a point, no grouping.")
    finer = Unfit("too_fine", f"This {what} has more than {decimals} decimals.")

    def read(value: Any) -> int:
        if type(value) is str:
            value = value.strip()
        elif type(value) in (int, float, Decimal):
            value = f"{Decimal(str(value)):f}"
        else:
            raise refusal
        whole, point, part = value.partition(".")
        digits = whole[1:] if whole[:1] in ("-", "+") else whole
        if not (digits.isascii() and digits.isdigit() and part.isascii() and (part.isdigit() or not point)):
            raise refusal
        if len(part) > decimals:
            part = part.rstrip("0")
            if len(part) > decimals:
                raise finer
        if len(digits) > 16:
            raise refusal
        size: int = int(digits) * factor + int((part + zeros)[:decimals] or 0)
        if size > LARGEST:
            raise refusal
        return -size if whole[0] == "-" else size

    return read


def whole(largest: int, *, least: int = 0) -> Reader:
    read_number = scaled(0)

    def read(value: Any) -> int:
        found: int = read_number(value)
        if not least <= found <= largest:
            raise Unfit("out_of_range", f"This must be from {least} to {largest}.")
        return found

    return read


def day(value: Any) -> date:
    try:
        if type(value) is str and len(value := value.strip()) == 10:
            found = date.fromisoformat(value)
            if found.year >= 1800:
                return found
    except ValueError:
        pass
    raise Unfit("bad_date", "This must be a date like 2026-11-24.")


def instant(zone: Any) -> Reader:
    """An instant; one without offset is Org time (A-15). A day alone is its first moment."""

    def read(value: Any) -> datetime:
        try:
            if type(value) is str:
                value = datetime.fromisoformat(value.strip())
            if type(value) is datetime and 1800 <= value.year <= 9998:
                return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise Unfit("bad_time", "This must be a time like 2026-11-24T10:30 or 2026-11-24T10:30:00+05:30.")

    return read


def past(read_instant: Reader, at: datetime, *, slack: timedelta, oldest: timedelta) -> Reader:
    """An instant not later than `at` by more than `slack`, nor older than `oldest`."""
    latest, earliest = at + slack, at - oldest

    def read(value: Any) -> datetime:
        found: datetime = read_instant(value)
        if found > latest:
            raise Unfit("in_future", "This lies more than 24 hours in the future.")
        if found < earliest:
            raise Unfit(
                "too_old",
                f"This lies before {earliest:%Y}; the oldest kept is {oldest.days // 365} years old.",
            )
        return found

    return read


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}


def time_zone(value: Any) -> str:
    found = _zones().get(value.strip().casefold()) if type(value) is str else None
    if found is None:
        raise Unfit("bad_time_zone", "This must be a time zone's name like Asia/Kolkata or Europe/Paris.")
    return found


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    return frozenset(key for key in map(str, Locale("en").territories) if len(key) == 2 and key.isalpha())


def country(value: Any) -> str:
    found = value.strip().upper() if type(value) is str else ""
    if found not in _countries():
        raise Unfit("bad_country", "This must be a country's two-letter code like IN or DE.")
    return found


@lru_cache(maxsize=1)
def _languages() -> dict[str, str]:
    return {name.replace("_", "-").casefold(): name.replace("_", "-") for name in locale_identifiers()}


@lru_cache(maxsize=5000)
def _language(value: str) -> str | None:
    found = _languages().get(value)
    if found is not None and len(found) <= 10:
        return found
    try:
        Locale.parse(value, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
    return value if len(value) <= 10 else None


def language(value: Any) -> str:
    """A language tag as the e-mail's merge values know it: `en`, `pt-BR`."""
    found = _language(value.strip().replace("_", "-").casefold()) if type(value) is str else None
    if found is None:
        raise Unfit("bad_language", "This must be a language's code like en, hi or pt-BR.")
    return found


def many(read_one: Reader, most: int) -> Reader:
    """Several values: a JSON list, or text with `|` between them. Empty ones fall out, repeated ones count once."""

    def read(value: Any) -> list[Any]:
        if type(value) is str:
            value = value.split(LIST_SEPARATOR)
        if type(value) is not list:
            raise Unfit("wrong_type", "This must be a list, or text with | between the values.")
        found = dict.fromkeys(read_one(item) for item in value if item != "")
        found.pop(None, None)
        if len(found) > most:
            raise Unfit("too_many", f"This holds more than {most} values.")
        return list(found)

    return read
