"""The one date range of every report, dashboard and log (M-05, M-41): presets and two dates, in Org time."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

# Preset → months back; 7D is counted in days, All has no beginning.
MONTHS: Final = {"1M": 1, "3M": 3, "6M": 6}
PRESETS: Final = ("7D", *MONTHS, "All")
DEFAULT: Final = "1M"


@dataclass(frozen=True)
class Range:
    """Calendar days of Org time, both ends included. `since` None is from the beginning; `preset` "" is two dates."""

    preset: str
    since: date | None
    until: date
    problem: str = ""

    @property
    def days(self) -> int | None:
        return None if self.since is None else (self.until - self.since).days + 1

    def __contains__(self, day: date) -> bool:
        return day <= self.until and (self.since is None or self.since <= day)


def read(asked: Mapping[str, str], today: date, *, default: str = DEFAULT) -> Range:
    """The range that an address asks for: `range=7D`, or `from=` and `to=`. `problem` says what could not be read."""
    if asked.get("from") or asked.get("to"):
        return _between(asked.get("from", ""), asked.get("to", ""), today, default)
    preset = asked.get("range", default)
    if preset not in PRESETS:
        return preset_range(default, today, problem=f"There is no range “{preset[:20]}”.")
    return preset_range(preset, today)


def preset_range(preset: str, today: date, *, problem: str = "") -> Range:
    if preset == "All":
        return Range(preset, None, today, problem)
    if preset == "7D":
        return Range(preset, today - timedelta(days=6), today, problem)
    return Range(preset, months_before(today, MONTHS[preset]), today, problem)


def months_before(day: date, months: int) -> date:
    """The same day number that many months ago; in a short month its last day (M-05)."""
    years, month = divmod(day.month - 1 - months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _between(first: str, last: str, today: date, default: str) -> Range:
    try:
        since = date.fromisoformat(first) if first else None
        until = date.fromisoformat(last) if last else today
    except ValueError:
        return preset_range(default, today, problem="A date must be written as YYYY-MM-DD.")
    if since is not None and since > until:
        return preset_range(default, today, problem="The range ends before it begins.")
    return Range("", since, until)
