"""What ops looks at (M-38): runs at work and late ones, outcomes and reasons over a range, and what is unsettled.

Every count is a sum over tallies and days; no deliveries are counted. A member bound to units sees their campaigns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Max, QuerySet, Sum

from campaigns import causes, progress, reasons
from campaigns.dispatch import pace
from campaigns.models import Campaign, Delivery, Message, ParkedReceipt, ReceiptDay, Run
from campaigns.progress import Progress
from campaigns.reasons import Reason
from engage.orgs.access import Access
from engage.orgs.ranges import Range

OPEN: Final = (Run.Status.PREPARING, Run.Status.SENDING, Run.Status.PAUSED, Run.Status.BLOCKED)
# A run is late when something of it has been due for so long, and nobody has paused it.
LATE: Final = timedelta(minutes=5)
MOST_BARS: Final = 31

_OLDEST: Final = """
SELECT run_id, min(not_before) FROM (
    SELECT run_id, not_before FROM campaigns_chunk
    WHERE org_id = %(org)s AND run_id = ANY(%(runs)s::bigint[]) AND NOT closed AND intent_hi < last_seq
    UNION ALL
    SELECT run_id, not_before FROM campaigns_retry
    WHERE org_id = %(org)s AND run_id = ANY(%(runs)s::bigint[]) AND NOT announced
) AS waiting WHERE not_before <= %(at)s GROUP BY run_id
"""
_WITH_STATE: Final = """
SELECT t.run_id, sum(t.n)::bigint FROM campaigns_tally t
WHERE t.org_id = %(org)s AND t.run_id = ANY(%(runs)s::bigint[]) AND t.state = %(state)s
  AND (%(reason)s = '' OR t.reason = %(reason)s)
GROUP BY t.run_id HAVING sum(t.n) > 0
"""


@dataclass(frozen=True)
class OpenRun:
    """A run that is not over. `age` is how long its oldest due row has been waiting; None: nothing is due."""

    run: Run
    counts: Progress
    age: timedelta | None
    cause: causes.Cause | None

    @property
    def late(self) -> bool:
        return self.age is not None and self.age > LATE

    @property
    def age_in_words(self) -> str:
        """To the second below a minute, then to the minute."""
        seconds = int(self.age.total_seconds()) if self.age is not None else 0
        if seconds < 60:
            return f"{seconds} s"
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@dataclass(frozen=True)
class Period:
    """The rows of the runs of some days, named by the first of them."""

    since: date
    counts: Progress


@dataclass(frozen=True)
class Group:
    """Rows with one reason (H-39), in one state."""

    reason: Reason
    state: str
    rows: int


@dataclass(frozen=True)
class Delay:
    """How late reports came over a range, in seconds; None where nothing was timed."""

    reports: int
    average: Decimal | None
    slowest: int | None
    last_at: datetime | None


def runs_in_scope(access: Access) -> QuerySet[Run]:
    runs: QuerySet[Run] = Run.objects.for_org(access.org)
    return runs if access.whole_org else runs.filter(campaign__unit_id__in=access.unit_ids)


def open_runs(access: Access, *, at: datetime) -> list[OpenRun]:
    """Runs that are not over, those that need somebody first. `at` is the server's clock."""
    found = list(runs_in_scope(access).filter(status__in=OPEN).select_related("message", "campaign"))
    counts = progress.of_runs(access.org.pk, [run.pk for run in found])
    oldest = _oldest(access.org.pk, [run.pk for run in found], at)
    rows = []
    for run in found:
        throttled = run.message.throttle_per_hour is not None  # it waits because it is told to
        since = oldest.get(run.pk) if run.status == Run.Status.SENDING and not throttled else None
        if run.status == Run.Status.SENDING:
            counts[run.pk].per_second = pace.per_second(access.org.pk, run.pk)
        elif run.status == Run.Status.PREPARING:
            since = run.due_at - timedelta(seconds=run.clock_shift)
        age = max(at - since, timedelta()) if since else None
        cause = causes.of(run.reason) if run.status == Run.Status.BLOCKED else None
        rows.append(OpenRun(run, counts[run.pk], age, cause))
    return sorted(rows, key=lambda row: (row.run.status != Run.Status.BLOCKED, not row.late, row.run.due_at))


def late_messages(access: Access, *, at: datetime) -> list[Message]:
    """Scheduled messages whose time has passed without a run, the longest first."""
    campaigns = Campaign.objects.for_org(access.org).visible_to(access)
    late = Message.objects.for_org(access.org).filter(
        status=Message.Status.SCHEDULED, due_at__lt=at - LATE, campaign__in=campaigns
    )
    return list(late.select_related("campaign").order_by("due_at")[:50])


def counts_by_day(access: Access, within: Range) -> dict[date, Progress]:
    """The rows of the runs whose day lies in the range."""
    runs = runs_in_scope(access).filter(run_on__lte=within.until)
    if within.since is not None:
        runs = runs.filter(run_on__gte=within.since)
    days = {run_id: run_on.toordinal() for run_id, run_on in runs.values_list("pk", "run_on")}
    return {date.fromordinal(day): counts for day, counts in progress.grouped(access.org.pk, days).items()}


def periods(by_day: Mapping[date, Progress], within: Range) -> list[Period]:
    """Days, weeks or months, so many that a chart can show them; those without a run stand there empty."""
    if not by_day:
        return []
    since = within.since or min(by_day)
    length = (within.until - since).days + 1
    step = next((days for days in (1, 7) if length <= days * MOST_BARS), 0)
    found: dict[date, Progress] = {}
    day = since
    while day <= within.until:
        found.setdefault(_first(day, since, step), Progress())
        day += timedelta(days=1)
    for on, counts in by_day.items():
        found[_first(on, since, step)] += counts
    return [Period(first, counts) for first, counts in sorted(found.items())]


def _first(day: date, since: date, step: int) -> date:
    """The first day of the period that holds `day`; `step` 0 is calendar months."""
    if not step:
        return day.replace(day=1)
    return since + timedelta(days=(day - since).days // step * step)


def groups(counts: Progress) -> list[Group]:
    """Why rows were not delivered, or not sent, the most first."""
    found = [
        Group(reasons.of(code), state, rows)
        for state, by_code in counts.reasons.items()
        for code, rows in by_code.items()
        if rows
    ]
    return sorted(found, key=lambda group: -group.rows)


def runs_with(
    access: Access, state: Delivery.State, *, reason: str = "", runs: Iterable[int] | None = None
) -> dict[int, int]:
    """Run → rows in this state (and with this reason), where there are any: asked of the tally."""
    wanted = runs_in_scope(access).values_list("pk", flat=True) if runs is None else runs
    params: dict[str, Any] = {"org": access.org.pk, "runs": list(wanted), "state": state, "reason": reason}
    with connection.cursor() as cursor:
        cursor.execute(_WITH_STATE, params)
        return dict(cursor.fetchall())


def delay(access: Access, within: Range) -> Delay:
    """Of the whole org: a sender's reports come for everybody who uses it."""
    days = ReceiptDay.objects.for_org(access.org).filter(day__lte=within.until)
    if within.since is not None:
        days = days.filter(day__gte=within.since)
    found = days.aggregate(
        reports=Sum("reports"), timed=Sum("timed"), seconds=Sum("delay_seconds"),
        slowest=Max("slowest_seconds"), last_at=Max("last_at"),
    )  # fmt: skip
    timed = found["timed"] or 0
    return Delay(
        found["reports"] or 0,
        Decimal(found["seconds"]) / timed if timed else None,
        found["slowest"] if timed else None,
        found["last_at"],
    )


def parked(access: Access, *, most: int = 50) -> Sequence[ParkedReceipt]:
    """The newest reports that fit no delivery."""
    return list(ParkedReceipt.objects.for_org(access.org).order_by("-pk")[:most])


def parked_count(access: Access, *, at_most: int = 1_000) -> int:
    """How many there are, counted up to a limit."""
    return ParkedReceipt.objects.for_org(access.org).values("pk")[: at_most + 1].count()


def _oldest(org_id: int, run_ids: list[int], at: datetime) -> dict[int, datetime]:
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST, {"org": org_id, "runs": run_ids, "at": at})
        return dict(cursor.fetchall())
