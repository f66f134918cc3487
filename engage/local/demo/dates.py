"""Bringing a year that is over up to yesterday, at the hours on the clock at which things happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Shift:
    """How many days later everything is said to have happened, on the clock of `zone`."""

    days: int
    zone: ZoneInfo

    @classmethod
    def ending(cls, last: datetime, *, on: date, zone: ZoneInfo) -> Shift:
        """The shift after which the instant `last` falls on the day `on`."""
        return cls((on - last.astimezone(zone).date()).days, zone)

    def day(self, day: date) -> date:
        return day + timedelta(days=self.days)

    def instant(self, at: datetime) -> datetime:
        """The clock shows the same time, the calendar a later day; in UTC."""
        wall = at.astimezone(self.zone).replace(tzinfo=None) + timedelta(days=self.days)
        return wall.replace(tzinfo=self.zone).astimezone(UTC)
