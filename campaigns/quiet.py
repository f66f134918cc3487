"""Quiet hours: when promotional messages may go out (C-40). Pure functions of instants; nothing is read here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.local_time import resolve


@dataclass(frozen=True)
class Quiet:
    """From `begins` to `ends` on the clock of `zone`; equal times: never quiet."""

    begins: time
    ends: time
    zone: ZoneInfo

    def _is_quiet(self, at: datetime) -> bool:
        now = at.astimezone(self.zone).time()
        if self.begins < self.ends:
            return self.begins <= now < self.ends
        return self.begins != self.ends and (now >= self.begins or now < self.ends)

    def opens_at(self, at: datetime) -> datetime:
        """`at` itself outside quiet hours, else the instant at which they end."""
        return self._next(self.ends, at) if self._is_quiet(at) else at

    def closes_at(self, at: datetime) -> datetime | None:
        """When quiet hours begin next, seen from an instant outside them. None: never."""
        return None if self.begins == self.ends else self._next(self.begins, at)

    def _next(self, clock: time, after: datetime) -> datetime:
        """The next instant at which the clock shows this time, later than `after`."""
        day = after.astimezone(self.zone).date()
        found = resolve(day, clock, self.zone)
        return found if found > after else resolve(day + timedelta(days=1), clock, self.zone)


NEVER = Quiet(time(0), time(0), ZoneInfo("UTC"))


def opens_at(at: datetime, *rules: Quiet) -> datetime:
    """The first instant from `at` on that no rule calls quiet (the stricter holds)."""
    for _ in range(8):
        opening = max(rule.opens_at(at) for rule in (*rules, NEVER))
        if opening == at:
            return at
        at = opening
    # Two rules that leave no minute of a day open between them: look again tomorrow.
    return at.astimezone(UTC) + timedelta(days=1)


def closes_at(at: datetime, *rules: Quiet) -> datetime | None:
    """When the first of the rules begins to be quiet, seen from an instant at which none is."""
    return min((closing for rule in rules if (closing := rule.closes_at(at))), default=None)
