"""The zones, currencies and languages that an org can choose (T-24): those of today, by the names of CLDR."""

from __future__ import annotations

from typing import Final
from zoneinfo import available_timezones

from babel import Locale
from babel.core import get_global
from babel.localedata import locale_identifiers

_ENGLISH = Locale("en")


def _zones() -> list[tuple[str, str]]:
    places = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in places)]


def _currencies() -> list[tuple[str, str]]:
    """Legal tender somewhere today."""
    somewhere = get_global("territory_currencies").values()
    codes = {code for known in somewhere for code, _, until, tender in known if tender and until is None}
    return [(code, f"{code} · {_ENGLISH.currencies.get(code, code)}") for code in sorted(codes)]


def _languages() -> list[tuple[str, str]]:
    """Those whose dates we can write."""
    known = [(code, _ENGLISH.languages[code]) for code in locale_identifiers() if code in _ENGLISH.languages]
    return sorted(known, key=lambda language: language[1])


ZONES: Final = _zones()
CURRENCIES: Final = _currencies()
LANGUAGES: Final = _languages()
