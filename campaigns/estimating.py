"""How long a throttled message will take (C-41), before it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns import gates, quiet, throttle
from campaigns.body import Body
from engage.orgs.models import OrgSettings


@dataclass(frozen=True)
class Estimate:
    """From the first row to the last, pauses included."""

    takes: timedelta
    ends_at: datetime

    @property
    def in_words(self) -> str:
        """To the minute within a day, then to the hour."""
        minutes = max(1, round(self.takes / throttle.MINUTE))
        days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
        if days:
            return f"{days} d {hours} h"
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def estimate(body: Body, rows: int, live: OrgSettings, *, at: datetime) -> Estimate | None:
    """Of so many rows from `at` on. None without a throttle, and where no minute of the day is open."""
    limit = throttle.of(body)
    if limit is None:
        return None
    rules = gates.quiet_rules(body, live)
    ends_at = throttle.ends_at(limit, rows, at=at, rules=rules)
    return Estimate(ends_at - quiet.opens_at(at, *rules), ends_at) if ends_at else None
