"""From a date and a wall clock to the one instant that is meant, also on days of 23 or 25 hours (C-37)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def resolve(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The instant of `clock` on `day` in `zone`, in UTC.

    A repeated time is its first occurrence. A skipped one is the first valid instant after the gap.
    """
    wall = datetime.combine(day, clock)
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # In a gap fold=0 reads the clock with the offset before it, fold=1 with the one after: the jump lies between.
    low, high = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
