"""The closed catalogue of merge tags (H-06), and how their values are written for a reader.

The apps that own the data register their tags; an org's own attributes and upload columns are added by the
caller (`{**registered(), **own}`). Values reach the compiler as canonical text and are written in the
customer's language here, so the freeze stores them as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, get_currency_precision

# The tag that becomes the opt-out link, and the slot that carries the reader's language.
UNSUBSCRIBE = "unsubscribe"
LANGUAGE = "customer.language"


class Kind(StrEnum):
    """What a tag's canonical text looks like."""

    TEXT = "text"
    NUMBER = "number"  # "1234.5"
    MONEY = "money"  # minor units of the org's currency: "123450"
    DATE = "date"  # "2026-03-31", or an instant beginning with it
    URL = "url"  # http(s), may stand where a link begins
    LINK = "link"  # made per delivery by the compiler


@dataclass(frozen=True, slots=True)
class Tag:
    """`per_run`: the value is the same for everybody in a run, so it is written into the content once."""

    name: str
    label: str
    kind: Kind
    sample: str
    per_run: bool = False


_REGISTERED: dict[str, Tag] = {}


def register_tag(name: str, label: str, kind: Kind, sample: str, *, per_run: bool = False) -> None:
    """Add a tag to the catalogue; the same again changes nothing, another under its name is a defect."""
    tag = Tag(name, label, kind, sample, per_run)
    if _REGISTERED.setdefault(name, tag) != tag:
        raise ValueError(f"the merge tag {name} is registered twice")


def registered() -> dict[str, Tag]:
    return dict(_REGISTERED)


def samples(tags: Mapping[str, Tag], names: tuple[str, ...]) -> tuple[str, ...]:
    """Values to preview with when no customer is chosen."""
    return tuple("" if name == LANGUAGE else tags[name].sample for name in names)


def writer(kind: Kind, *, currency: str, language: str) -> Callable[[str, str], str] | None:
    """The function `(canonical, reader's language) → text` for a kind, None when the text stands as it is.

    `language` is the org's, used where the reader's is empty or unknown.
    """
    if kind is Kind.NUMBER:
        return lambda value, reader: _number(value, reader, language)
    if kind is Kind.MONEY:
        return lambda value, reader: _money(value, currency, reader, language)
    if kind is Kind.DATE:
        return lambda value, reader: _date(value, reader, language)
    return None


@lru_cache(maxsize=20_000)
def _number(value: str, reader: str, language: str) -> str:
    return format_decimal(Decimal(value), locale=locale_of(reader, language))


@lru_cache(maxsize=20_000)
def _money(value: str, currency: str, reader: str, language: str) -> str:
    return format_currency(major_units(value, currency), currency, locale=locale_of(reader, language))


@lru_cache(maxsize=20_000)
def _date(value: str, reader: str, language: str) -> str:
    day = datetime.fromisoformat(value).date() if len(value) > 10 else date.fromisoformat(value)
    return format_date(day, format="long", locale=locale_of(reader, language))


def major_units(value: str, currency: str) -> Decimal:
    return Decimal(value).scaleb(-get_currency_precision(currency))


@lru_cache(maxsize=500)
def locale_of(reader: str, fallback: str) -> Locale:
    """The reader's locale, else the fallback's, else English."""
    for name in (reader, reader.partition("-")[0], fallback):
        try:
            return Locale.parse(name, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return Locale("en")


register_tag(UNSUBSCRIBE, "Unsubscribe link", Kind.LINK, "", per_run=False)
register_tag("org.name", "Company name", Kind.TEXT, "Example Ltd", per_run=True)
register_tag("org.legal_name", "Company's legal name", Kind.TEXT, "Example Ltd", per_run=True)
register_tag(
    "org.postal_address", "Company's postal address", Kind.TEXT, "1 Example Street, Exampleton", per_run=True
)
register_tag("sender.name", "Sender's name", Kind.TEXT, "Example", per_run=True)
register_tag("sender.identity", "Sender's address", Kind.TEXT, "news@example.com", per_run=True)
