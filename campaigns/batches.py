"""What a throttled run does next, and when it will be over (C-41)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from campaigns import gates, quiet, throttle
from campaigns.body import Body
from campaigns.dispatch import allowance
from campaigns.dispatch.ledger import RunKey
from campaigns.models import Run
from campaigns.progress import Progress
from engage.orgs.models import OrgSettings


@dataclass(frozen=True)
class Batches:
    """Instants are on the run's own clock. `next_at` None: a batch is going out right now."""

    next_at: datetime | None
    ends_at: datetime | None


def of_run(run: Run, counts: Progress, live: OrgSettings, *, at: datetime) -> Batches | None:
    """Of a Sending run with rows in its queue; None for one without a throttle. `at` is the server's clock."""
    if run.status != Run.Status.SENDING or not counts.queued:
        return None
    body = Body.parse(run.version.body)
    limit = throttle.of(body)
    if limit is None:
        return None
    now, rules = at + timedelta(seconds=run.clock_shift), gates.quiet_rules(body, live)
    next_at = quiet.opens_at(now, *rules)
    if next_at == now and allowance.left(RunKey.of(run), body, now) == 0:
        next_minute = datetime.fromtimestamp(60 * (throttle.minute_of(now) + 1), tz=UTC)
        next_at = quiet.opens_at(next_minute, *rules)
    ends_at = throttle.ends_at(limit, counts.queued, at=next_at, rules=rules)
    return Batches(next_at if next_at > now else None, ends_at)
