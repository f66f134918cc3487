"""What a goal adds to the rules of a campaign: a warning without one, and the window that its results wait for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, Sum

from campaigns import checklist, finality, power
from campaigns.checklist import Facts, Line
from campaigns.models import Campaign, Run
from conversions.goals import goal_of
from conversions.models import ArmFigures

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
