"""How fast a message may go out (C-41): so many an hour, and perhaps only between two times of the day.

Pure functions of a body and of instants; `dispatch.allowance` keeps the count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns import quiet
from campaigns.body import Body
from campaigns.models import Message
from campaigns.quiet import Quiet

LEAST, MOST = 100, 100_000
MINUTE: Final = timedelta(minutes=1)
# An hour touches 61 minutes, and what is announced in one may leave in the next.
_SPAN: Final = 62
# Days after which nobody wants to know the minute of the end any more.
_LONGEST: Final = 1_000


@dataclass(frozen=True)
class Throttle:
    """`closed`: the hours of the day in which nothing goes; None: it goes all day."""

    per_hour: int
    closed: Quiet | None = None

    def share(self, minute: int) -> int:
        """How many may begin in this minute (counted since 1970); those of any hour add up to its number at most.

        62 neighbouring shares add up to it exactly, wherever one begins to count, so nothing need be remembered.
        """
        return self.per_hour * (minute + 1) // _SPAN - self.per_hour * minute // _SPAN

    def time_for(self, rows: int) -> timedelta:
        """How long so many rows take without a pause."""
        return rows * _SPAN / self.per_hour * MINUTE

    def rows_within(self, span: timedelta) -> int:
        return int(span / MINUTE * self.per_hour / _SPAN)


def written(message: Message) -> dict[str, int]:
    """As a body keeps it: times in minutes of the day; empty without a throttle."""
    if message.throttle_per_hour is None:
        return {}
    found = {"per_hour": message.throttle_per_hour}
    if message.throttle_from is not None and message.throttle_until is not None:
        found |= {"from": _minutes(message.throttle_from), "until": _minutes(message.throttle_until)}
    return found


def of(body: Body) -> Throttle | None:
    """The throttle that was approved."""
    kept = body.throttle
    if not kept:
        return None
    if "from" not in kept:
        return Throttle(kept["per_hour"])
    closed = Quiet(_clock(kept["until"]), _clock(kept["from"]), ZoneInfo(body.org_zone))
    return Throttle(kept["per_hour"], closed)


def closed_hours(body: Body) -> tuple[Quiet, ...]:
    """What the throttle adds to the quiet hours: the day outside its two times."""
    found = of(body)
    return (found.closed,) if found and found.closed else ()


def minute_of(at: datetime) -> int:
    return int(at.timestamp()) // 60


def ends_at(throttle: Throttle, rows: int, *, at: datetime, rules: tuple[Quiet, ...]) -> datetime | None:
    """When the last of so many rows may go, from `at` on, with the pauses that `rules` make. None: nobody can tell."""
    for _ in range(_LONGEST):
        opens_at = quiet.opens_at(at, *rules)
        if quiet.opens_at(opens_at, *rules) != opens_at:
            return None
        closes_at = quiet.closes_at(opens_at, *rules)
        fit = throttle.rows_within(closes_at - opens_at) if closes_at else rows
        if closes_at is None or rows <= fit:
            return opens_at + throttle.time_for(rows)
        rows, at = rows - fit, closes_at
    return None


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _clock(minutes: int) -> time:
    return time(*divmod(minutes, 60))
