"""How far a slice of bills looks: which goals and campaigns they can touch, and the first run day of their deliveries.

A delivery can be credited with a bill while its anchor and its goal's window hold it. Nearly all anchors lie within
`LATE` of the run day, so the live goals' windows bound the run days. Who was anchored later is marked
(`CampaignCustomer.late_at`), and looks as far back as their own delivery. So nothing depends on how long an org has
been sending, and nothing is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from django.db import connection

from campaigns.models import Campaign, Run
from conversions import conditions, statements
from conversions.models import Goal
from engage.orgs.models import OrgSettings

# A delivery with an anchor from its run day (00:00 UTC) and this long on is late.
LATE: Final = timedelta(days=7)
# A provider's clock may set an event this long before its run day; earlier ones are refused.
EARLY: Final = timedelta(days=2)
LONGEST: Final = timedelta(days=90)

# Late pairs of the slice that may still be in their window.
_LATE_PAIRS = """
SELECT customer_id, campaign_id, late_run_on FROM conversions_campaigncustomer
WHERE org_id = %(org)s AND customer_id = ANY(%(customers)s::bigint[]) AND late_at > %(after)s
"""


@dataclass(frozen=True)
class Horizon:
    """What a slice of customers and their bills between two times has to do with.

    `attribution` is its statement, None without a goal; `oldest` the first run day looked at by all of them.
    """

    params: dict[str, Any]
    attribution: str | None
    oldest: date | None


def of_slice(org_id: int, customers: Sequence[int], lo: datetime, hi: datetime) -> Horizon:
    """For bills from `lo` to `hi`. The customers' late marks must be up to date. Call inside the org's context."""
    first, newest = lo.astimezone(UTC).date(), hi.astimezone(UTC).date() + EARLY
    late = _late_pairs(org_id, customers, after=lo - LONGEST)
    goals, oldest = _goals(org_id, first, newest, also=late)
    # Without a live goal, only late deliveries are looked at.
    usual = oldest or newest + timedelta(days=1)
    late_of = _earliest_of_customers(late)
    oldests = [min(usual, late_of.get(customer, usual)) for customer in customers]
    questions = _questions(goals)
    settings = OrgSettings.objects.for_org(org_id).get()
    params: dict[str, Any] = {
        "zone": settings.time_zone,
        "lo": lo,
        "hi": hi,
        "oldests": oldests,
        "oldest": min(oldests),
        "newest": newest,
        "campaigns": [goal.campaign_id for goal in goals],
        "windows": [goal.window_days * 24 for goal in goals],
        "anchors": [goal.anchor for goal in goals],
        "touches": [goal.touch for goal in goals],
        "questions": [questions.numbers[goal.pk] for goal in goals],
        **questions.params,
        **_dates(org_id, settings.zone, first, newest),
    }
    statement = statements.ATTRIBUTION.replace("{{met}}", questions.sql) if goals else None
    return Horizon(params, statement, oldest)


def _goals(
    org_id: int, first: date, newest: date, *, also: Collection[int]
) -> tuple[list[Goal], date | None]:
    """Goals that bills from `first` on can touch, and those of the campaigns `also`; the first run day they lead to."""
    days = _run_days(org_id, first - LONGEST - LATE, newest)
    touched, leads_to = [], []
    for goal in Goal.objects.for_org(org_id).filter(campaign_id__in={*days, *also}).order_by("campaign_id"):
        reach = first - timedelta(days=goal.window_days) - LATE
        live = [day for day in days[cast("int", goal.campaign_id)] if day >= reach]
        leads_to += live
        if live or goal.campaign_id in also:
            touched.append(goal)
    return touched, min(leads_to, default=None)


def run_days_of(org_id: int, campaigns: Collection[int]) -> dict[int, tuple[date, date]]:
    """The first and the last run day of each campaign that ever ran."""
    found: dict[int, tuple[date, date]] = {}
    runs = Run.objects.for_org(org_id).filter(campaign_id__in=campaigns).order_by()
    for campaign_id, day in runs.values_list("campaign_id", "run_on").distinct():
        first, last = found.get(campaign_id, (day, day))
        found[campaign_id] = min(first, day), max(last, day)
    return found


def earliest_anchor(first_run_on: date) -> datetime:
    """Before this, nothing of a campaign with that first run day is anchored."""
    return datetime.combine(first_run_on, time.min, UTC) - EARLY


def _run_days(org_id: int, since: date, until: date) -> defaultdict[int, list[date]]:
    days: defaultdict[int, list[date]] = defaultdict(list)
    runs = Run.objects.for_org(org_id).filter(run_on__gte=since, run_on__lte=until).order_by()
    for campaign_id, day in runs.values_list("campaign_id", "run_on").distinct():
        days[campaign_id].append(day)
    return days


def _late_pairs(
    org_id: int, customers: Sequence[int], *, after: datetime
) -> dict[int, list[tuple[int, date]]]:
    """By campaign: (customer, run day) of deliveries whose last anchor lies after `after`, and late."""
    pairs = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_LATE_PAIRS, {"org": org_id, "customers": list(customers), "after": after})
        for customer_id, campaign_id, run_on in cursor.fetchall():
            pairs[campaign_id].append((customer_id, run_on))
    return pairs


def _earliest_of_customers(late: dict[int, list[tuple[int, date]]]) -> dict[int, date]:
    earliest: dict[int, date] = {}
    for pairs in late.values():
        for customer, day in pairs:
            earliest[customer] = min(earliest.get(customer, day), day)
    return earliest


def _dates(org_id: int, zone: ZoneInfo, first: date, last: date) -> dict[str, Any]:
    """The campaigns whose dates meet these days, as parameters."""
    # A day more on both sides: their dates are the org's, these are UTC.
    campaigns = Campaign.objects.for_org(org_id).filter(
        start_on__lte=last + timedelta(days=1), end_on__gte=first - timedelta(days=1)
    )
    dated = sorted((c.pk, c.starts_at(zone), c.ends_at(zone)) for c in campaigns.only("start_on", "end_on"))
    return {
        "dated": [pk for pk, _, _ in dated],
        "first_dated": dated[0][0] if dated else 0,
        "last_dated": dated[-1][0] if dated else 0,
        "starts": [starts for _, starts, _ in dated],
        "ends": [ends for _, _, ends in dated],
    }


@dataclass(frozen=True)
class _Questions:
    sql: str
    params: dict[str, Any]
    numbers: dict[int, int]


def _questions(goals: list[Goal]) -> _Questions:
    """Goals with the same conditions ask one question; each is evaluated on its own candidates only."""
    known: dict[str, int] = {}
    branches: list[str] = []
    params: dict[str, Any] = {}
    numbers: dict[int, int] = {}
    for goal in goals:
        text = repr(goal.groups)
        if text not in known:
            number = known[text] = len(known)
            predicate = conditions.compile_groups(goal.groups, f"q{number}")
            branches.append(statements.QUESTION.format(number=number, predicate=predicate.sql))
            params.update(predicate.params)
        numbers[goal.pk] = known[text]
    return _Questions(" UNION ALL ".join(branches), params, numbers)
