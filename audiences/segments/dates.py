"""Date modes (A-27): any time (L), absolute (A), relative (R), combined (X), as spans of calendar days in Org time."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences.segments.sql import Part
from engage.orgs import formatting
from engage.orgs.models import OrgSettings

MOST: Final = 3650
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 12, 31)


class DateRefused(ValueError):
    """A date mode's value that cannot be read; the text is fit for the user."""


@dataclass(frozen=True)
class Span:
    """Calendar days, both ends included; None is open."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Mode:
    """`takes` names what its value holds: nothing, a day, two days, a number of units, a unit, or two numbers."""

    key: str
    letter: str
    label: Any
    takes: str


MODES: Final = {
    mode.key: mode
    for mode in (
        Mode("any_time", "L", gettext_lazy("at any time"), "nothing"),
        Mode("before", "A", gettext_lazy("before"), "day"),
        Mode("after", "A", gettext_lazy("after"), "day"),
        Mode("between", "A", gettext_lazy("between"), "days"),
        Mode("last", "R", gettext_lazy("in the last"), "amount"),
        Mode("next", "R", gettext_lazy("in the next"), "amount"),
        Mode("current", "R", gettext_lazy("in the current"), "unit"),
        Mode("around", "X", gettext_lazy("between the last and the next"), "two_amounts"),
        Mode("exactly_ago", "X", gettext_lazy("exactly … ago"), "amount"),
        Mode("exactly_ahead", "X", gettext_lazy("exactly … ahead"), "amount"),
    )
}
UNITS: Final = {"day": gettext_lazy("days"), "week": gettext_lazy("weeks"), "month": gettext_lazy("months")}
PERIODS: Final = {"day": gettext_lazy("day"), "week": gettext_lazy("week"), "month": gettext_lazy("month")}


def modes(letters: str) -> list[Mode]:
    """The modes that a field offers, by their letters."""
    return [mode for mode in MODES.values() if mode.letter in letters]


def read(mode: Mode, value: object) -> Any:
    """The mode's value in its stored form. Raises `DateRefused`."""
    match mode.takes:
        case "nothing":
            if value is not None:
                raise DateRefused(_("“At any time” takes no value."))
            return None
        case "day":
            return _day(value).isoformat()
        case "days":
            ends = _mapping(value, "from", "to")
            first, last = _day(ends["from"]), _day(ends["to"])
            if last < first:
                raise DateRefused(_("The range ends before it begins. Swap the two dates."))
            return {"from": first.isoformat(), "to": last.isoformat()}
        case "unit":
            return {"unit": _unit(_mapping(value, "unit")["unit"])}
        case "amount":
            given = _mapping(value, "n", "unit")
            return {"n": _amount(given["n"]), "unit": _unit(given["unit"])}
        case _:
            given = _mapping(value, "last", "next", "unit")
            return {
                "last": _amount(given["last"]),
                "next": _amount(given["next"]),
                "unit": _unit(given["unit"]),
            }


def span(mode: Mode, value: Any, today: date, week_start: int) -> Span:
    """The days that a mode means today. Both ends are included: the last 7 days are today and the six before."""
    if mode.key == "current":
        return _current(today, value["unit"], week_start)
    return _SPANS[mode.key](value, today)


def shift(day: date, by: int, unit: str) -> date:
    """Days, weeks or months away; the 31st falls on the last day of a shorter month."""
    if unit != "month":
        return day + timedelta(days=by * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 + by
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def in_year(day: date, year: int) -> date:
    """The anniversary of a day in a year: 29 February falls on 28 February in other years."""
    if (day.month, day.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28)
    return day.replace(year=year)


def month_days(days: Span) -> list[int] | None:
    """The anniversaries (month × 100 + day) that fall into a span; None when all do.

    Anniversaries compare month and day only, so "before 15 March" is 1 January to 14 March, and nothing is before
    1 January.
    """
    if days.first is None and days.last is None:
        return None
    if days.first is None:
        last = days.last or LATEST
        first = date((last + timedelta(days=1)).year, 1, 1)
    else:
        first = days.first
        last = days.last or date((first - timedelta(days=1)).year, 12, 31)
    if (last - first).days >= 365:
        return None
    found: set[int] = set()
    for step in range((last - first).days + 1):
        day = first + timedelta(days=step)
        found.add(day.month * 100 + day.day)
        if (day.month, day.day) == (2, 28) and not calendar.isleap(day.year):
            found.add(229)
    return sorted(found)


def born_by(today: date, years: int) -> date:
    """The latest birth date of somebody who has turned `years` today."""
    year = today.year - years
    if (today.month, today.day) == (2, 28) and calendar.isleap(year) and not calendar.isleap(today.year):
        return date(year, 2, 29)
    return in_year(today, year)


def during(column: str, days: Span, zone: ZoneInfo | None) -> Part:
    """Whether `column` lies in the span: an instant where a zone is given, else a date. A missing value is not true."""
    tests, params = [], {}
    if days.first is not None:
        tests.append(f"{column} >= %(first)s")
        params["first"] = _midnight(days.first, zone) if zone else days.first
    if days.last is not None:
        tests.append(f"{column} < %(last)s" if zone else f"{column} <= %(last)s")
        params["last"] = _midnight(days.last + timedelta(days=1), zone) if zone else days.last
    return Part(" AND ".join(tests) or f"{column} IS NOT NULL", params)


def say(mode: Mode, value: Any, settings: OrgSettings) -> str:
    """The mode in words, as they stand in a sentence."""
    match mode.takes:
        case "day":
            words = _("before %(day)s") if mode.key == "before" else _("after %(day)s")
            return words % {"day": _written(value, settings)}
        case "days":
            ends = {"first": _written(value["from"], settings), "last": _written(value["to"], settings)}
            return _("from %(first)s to %(last)s") % ends
        case "two_amounts":
            ends = {"last": value["last"], "next": _time(value["next"], value["unit"])}
            return _("between the last %(last)s and the next %(next)s") % ends
        case "unit":
            return {"day": _("today"), "week": _("this week"), "month": _("this month")}[value["unit"]]
        case "nothing":
            return _("at any time")
        case _:
            words = {
                "last": _("in the last %(time)s"),
                "next": _("in the next %(time)s"),
                "exactly_ago": _("exactly %(time)s ago"),
                "exactly_ahead": _("exactly %(time)s ahead"),
            }[mode.key]
            return words % {"time": _time(value["n"], value["unit"])}


def _time(n: int, unit: str) -> str:
    words = {
        "day": ngettext("%(n)s day", "%(n)s days", n),
        "week": ngettext("%(n)s week", "%(n)s weeks", n),
        "month": ngettext("%(n)s month", "%(n)s months", n),
    }
    return words[unit] % {"n": n}


def _written(day: str, settings: OrgSettings) -> str:
    return formatting.day(date.fromisoformat(day), settings)


def _back(today: date, n: int, unit: str) -> date:
    return shift(today, -n, unit) + timedelta(days=1)


def _ahead(today: date, n: int, unit: str) -> date:
    return shift(today, n, unit) - timedelta(days=1)


def _current(today: date, unit: str, week_start: int) -> Span:
    if unit == "week":
        first = today - timedelta(days=(today.weekday() - week_start) % 7)
        return Span(first, first + timedelta(days=6))
    if unit == "month":
        last = calendar.monthrange(today.year, today.month)[1]
        return Span(today.replace(day=1), today.replace(day=last))
    return Span(today, today)


def _one(day: date) -> Span:
    return Span(day, day)


_SPANS: Final[dict[str, Callable[[Any, date], Span]]] = {
    "any_time": lambda value, today: Span(),
    "before": lambda value, today: Span(last=date.fromisoformat(value) - timedelta(days=1)),
    "after": lambda value, today: Span(first=date.fromisoformat(value) + timedelta(days=1)),
    "between": lambda value, today: Span(date.fromisoformat(value["from"]), date.fromisoformat(value["to"])),
    "last": lambda value, today: Span(_back(today, value["n"], value["unit"]), today),
    "next": lambda value, today: Span(today, _ahead(today, value["n"], value["unit"])),
    "around": lambda value, today: Span(
        _back(today, value["last"], value["unit"]), _ahead(today, value["next"], value["unit"])
    ),
    "exactly_ago": lambda value, today: _one(shift(today, -value["n"], value["unit"])),
    "exactly_ahead": lambda value, today: _one(shift(today, value["n"], value["unit"])),
}


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _mapping(value: object, *keys: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not set(value) <= set(keys):
        raise DateRefused(_("Choose the dates."))
    return {key: value.get(key) for key in keys}


def _day(value: object) -> date:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None:
        raise DateRefused(_("Choose a date."))
    if not EARLIEST <= day <= LATEST:
        raise DateRefused(_("Choose a date between the years 1900 and 2200."))
    return day


def _unit(value: object) -> str:
    if value not in UNITS:
        raise DateRefused(_("Choose days, weeks or months."))
    return str(value)


def _amount(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DateRefused(_("Type a whole number."))
    if not 1 <= value <= MOST:
        raise DateRefused(_("Type a number from 1 to %(most)s.") % {"most": MOST})
    return value
