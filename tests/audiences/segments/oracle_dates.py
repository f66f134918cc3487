"""The oracle's calendar (A-27): days in Org time, date modes, birthdays."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


class Calendar:
    def __init__(self, at: datetime, zone: str, week_start: int) -> None:
        self.zone = ZoneInfo(zone)
        self.today = at.astimezone(self.zone).date()
        self.week_start = week_start

    def day_of(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def age(self, birth: date | None) -> int | None:
        if birth is None:
            return None
        return self.today.year - birth.year - (in_year(birth, self.today.year) > self.today)

    def dated(self, held: date | datetime | None, op: str, value: Any) -> bool:
        if op in {"blank", "not_blank"} or held is None:
            return (held is None) == (op == "blank")
        day = self.day_of(held) if isinstance(held, datetime) else held
        first, last = self.span(op, value)
        return first <= day <= last

    def anniversary(self, held: date | None, op: str, value: Any) -> bool:
        if op in {"blank", "not_blank"} or held is None:
            return (held is None) == (op == "blank")
        if op == "any_time":
            return True
        if op in {"before", "after"}:
            bound = date.fromisoformat(value)
            day = in_year(held, bound.year)
            return day < bound if op == "before" else day > bound
        first, last = self.span(op, value)
        return any(first <= in_year(held, year) <= last for year in range(first.year, last.year + 1))

    def span(self, op: str, value: Any) -> tuple[date, date]:
        today = self.today
        one = timedelta(days=1)
        match op:
            case "any_time":
                return date.min, date.max
            case "before":
                return date.min, date.fromisoformat(value) - one
            case "after":
                return date.fromisoformat(value) + one, date.max
            case "between":
                return date.fromisoformat(value["from"]), date.fromisoformat(value["to"])
            case "last":
                return away(today, -value["n"], value["unit"]) + one, today
            case "next":
                return today, away(today, value["n"], value["unit"]) - one
            case "around":
                return (
                    away(today, -value["last"], value["unit"]) + one,
                    away(today, value["next"], value["unit"]) - one,
                )
            case "exactly_ago" | "exactly_ahead":
                n = value["n"] if op == "exactly_ahead" else -value["n"]
                day = away(today, n, value["unit"])
                return day, day
            case _:
                return self.current(value["unit"])

    def current(self, unit: str) -> tuple[date, date]:
        day = self.today
        if unit == "week":
            while day.weekday() != self.week_start:
                day -= timedelta(days=1)
            return day, day + timedelta(days=6)
        if unit == "month":
            return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
        return day, day


def in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def away(day: date, n: int, unit: str) -> date:
    if unit == "day":
        return day + timedelta(days=n)
    if unit == "week":
        return day + timedelta(weeks=n)
    step = 1 if n > 0 else -1
    year, month = day.year, day.month
    for _one in range(abs(n)):
        month += step
        if month in {0, 13}:
            year, month = year + step, 12 if month == 0 else 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
