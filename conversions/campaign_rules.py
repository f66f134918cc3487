"""What is measured of a campaign, where the pages below ask for it.

A goal's warning and its window, what control customers buy anyway, and what a list can be sorted by.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db.models import BigIntegerField, Case, Exists, F, FloatField, Max, OuterRef, Subquery, Sum, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, NullIf

from campaigns import checklist, finality, listing, power
from campaigns.checklist import Facts, Line
from campaigns.models import Campaign, Run
from campaigns.paging import Column
from conversions.goals import goal_of
from conversions.models import ArmFigures, Goal

TEST: Final = 0
CONTROL: Final = 1
BASELINE: Final = timedelta(days=90)


@checklist.check
def goal(facts: Facts) -> Iterator[Line]:
    """C-26. An organisation that has switched goals off is not told."""
    if facts.settings.goals and goal_of(facts.campaign) is None:
        yield Line("no_goal", "The campaign has no goal, so no conversions are counted.", "goal")


@finality.window
def conversions(campaign: Campaign) -> datetime | None:
    """The last customer contacted may still convert in the goal's window."""
    goal = goal_of(campaign)
    if goal is None:
        return None
    runs = Run.objects.for_org(campaign.org_id).filter(campaign_id=campaign.pk)
    last: datetime | None = runs.aggregate(last=Max("finished_at"))["last"]
    return None if last is None else last + timedelta(days=goal.window_days)


@power.baseline
def control_hit_rate(org_id: int, at: datetime) -> float | None:
    """Of the campaigns that were live within 90 days (M-35); None where nobody was held out."""
    recent = ArmFigures.objects.for_org(org_id).filter(
        arm=CONTROL, campaign__end_on__gte=(at - BASELINE).date(), campaign__start_on__lte=at.date()
    )
    sums = recent.aggregate(held=Sum("contacted"), bought=Sum("responders"))
    return sums["bought"] / sums["held"] if sums["held"] else None


def _of_test(org_id: int, figure: Combinable) -> Subquery:
    rows = ArmFigures.objects.for_org(org_id).filter(campaign_id=OuterRef("pk"), arm=TEST)
    return Subquery(rows.annotate(figure=figure).values("figure")[:1])


@listing.measure("contacted")
def contacted(org_id: int) -> Column:
    return Column(Coalesce(_of_test(org_id, F("contacted")), 0), BigIntegerField())


@listing.measure("hit")
def hit_rate(org_id: int) -> Column:
    share = 1.0 * F("responders") / NullIf(F("contacted"), 0)
    return Column(Coalesce(_of_test(org_id, share), listing.NONE), FloatField())


@listing.measure("converted")
def converted(org_id: int) -> Column:
    """Distinct customers; behind all others the campaigns without a goal."""
    goals = Goal.objects.for_org(org_id).filter(campaign_id=OuterRef("campaign_id"))
    counted = Case(When(Exists(goals), then=F("converted")), default=-1)
    return Column(Coalesce(_of_test(org_id, counted), -1), BigIntegerField())
