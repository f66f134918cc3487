"""What a campaign really changed: its figures and how sure they are, from `ArmFigures` (M-13 to M-35)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from campaigns.finality import FINAL_AFTER
from campaigns.models import Campaign, Run
from conversions.models import ArmFigures, Goal, Progress
from engage.orgs.models import Org, OrgSettings
from reporting import statistics
from reporting.statistics import Arms, Interval, ShareCheck


@dataclass(frozen=True)
class People:
    """Distinct customers of one arm."""

    targeted: int = 0
    contacted: int = 0
    sent_control: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    responders: int = 0
    bills: int = 0
    sales: int = 0
    squares: int = 0
    converted: int = 0
    conversions: int = 0
    conversion_value: int = 0
    slot_converted: int = 0
    slot_conversions: int = 0
    slot_value: int = 0

    def with_anchor(self, anchor: str) -> int:
        """The denominator of the conversion rate (G-19)."""
        return {"sent": self.contacted, "delivered": self.delivered, "opened": self.opened}.get(
            anchor, self.clicked
        )


@dataclass(frozen=True)
class Effect:
    """One campaign's effect. Rates are shares, money is in minor units, None is a dash (M-04)."""

    campaign: Campaign
    test: People
    control: People
    goal: Goal | None
    final: bool
    final_at: datetime | None
    floor: bool
    computed_at: datetime | None

    @property
    def contaminated(self) -> bool:
        """A message was really sent to control customers: they are left out, and it is flagged (M-24)."""
        return self.control.sent_control > 0

    @property
    def arms(self) -> Arms:
        t, c = self.test, self.control
        return Arms(t.contacted, t.responders, t.sales, t.squares, c.contacted, c.responders, c.sales)

    @property
    def hit_rate(self) -> Interval | None:
        return statistics.wilson(self.test.responders, self.test.contacted) if self.test.contacted else None

    @property
    def control_hit_rate(self) -> Interval | None:
        return (
            statistics.wilson(self.control.responders, self.control.contacted)
            if self.control.contacted
            else None
        )

    @property
    def lift(self) -> Interval | None:
        a = self.arms
        return statistics.difference(a.tr, a.tc, a.cr, a.cc) if a.comparable else None

    @property
    def uplift(self) -> float | None:
        """The change of the hit rate relative to control; None without control responders (M-19)."""
        a = self.arms
        if not a.comparable or a.cr == 0:
            return None
        return (a.tr / a.tc) / (a.cr / a.cc) - 1

    @property
    def uplift_interval(self) -> Interval | None:
        a = self.arms
        return statistics.uplift(a.tr, a.tc, a.cr, a.cc) if a.comparable else None

    @property
    def incremental(self) -> Interval | None:
        """M-20, signed; with the org's floor a negative value shows 0, and `floored` says so."""
        found = statistics.incremental(self.arms)
        if found is not None and self.floor and found.value < 0:
            return Interval(0.0, found.low, found.high)
        return found

    @property
    def floored(self) -> bool:
        found = statistics.incremental(self.arms)
        return self.floor and found is not None and found.value < 0

    @property
    def incremental_has_interval(self) -> bool:
        return self.arms.comparable and self.test.responders >= 2

    @property
    def incremental_per_head(self) -> float | None:
        return statistics.incremental_per_head(self.arms)

    @property
    def average_bill(self) -> float | None:
        return self.test.sales / self.test.bills if self.test.bills else None

    @property
    def sales_per_responder(self) -> float | None:
        return self.test.sales / self.test.responders if self.test.responders else None

    @property
    def conversion_rate(self) -> Interval | None:
        """Of distinct test customers with the anchor; None without a goal or anchors."""
        if self.goal is None:
            return None
        base = self.test.with_anchor(self.goal.anchor)
        return statistics.wilson(min(self.test.converted, base), base) if base else None

    @property
    def verdict(self) -> str:
        return statistics.verdict(self.arms, final=self.final)

    def share_checks(self) -> dict[str, ShareCheck | None]:
        """Targeted, and contacted against held out, against the set share (M-33)."""
        share = self.campaign.control_permille / 1000
        return {
            "targeted": statistics.share_check(self.test.targeted, self.control.targeted, share),
            "contacted": statistics.share_check(self.test.contacted, self.control.contacted, share),
        }


def of_campaigns(org: Org | int, campaigns: Iterable[Campaign], *, at: datetime) -> dict[int, Effect]:
    """Campaign id → effect, in a few queries whatever their number."""
    listed = list(campaigns)
    ids = [campaign.pk for campaign in listed]
    settings = OrgSettings.objects.for_org(org).get()
    people: dict[tuple[int, int], People] = {}
    computed: dict[int, datetime] = {}
    names = list(People.__dataclass_fields__)
    for row in ArmFigures.objects.for_org(org).filter(campaign_id__in=ids):
        people[row.campaign_id, row.arm] = People(**{name: int(getattr(row, name)) for name in names})
        computed[row.campaign_id] = row.computed_at
    goals = {goal.campaign_id: goal for goal in Goal.objects.for_org(org).filter(campaign_id__in=ids)}
    progress = Progress.objects.for_org(org).first()
    last_runs = dict(
        Run.objects.for_org(org)
        .filter(campaign_id__in=ids)
        .values_list("campaign_id")
        .annotate(last=Max("finished_at"))
    )
    effects = {}
    for campaign in listed:
        goal = goals.get(campaign.pk)
        final_at = _final_at(campaign, goal, settings, last_runs.get(campaign.pk))
        effects[campaign.pk] = Effect(
            campaign=campaign,
            test=people.get((campaign.pk, 0), People()),
            control=people.get((campaign.pk, 1), People()),
            goal=goal,
            final=progress is not None and progress.watermark >= final_at,
            final_at=final_at,
            floor=settings.incremental_floor,
            computed_at=progress.ran_at if progress else computed.get(campaign.pk),
        )
    return effects


def of_campaign(org: Org | int, campaign: Campaign, *, at: datetime) -> Effect:
    return of_campaigns(org, [campaign], at=at)[campaign.pk]


def _final_at(
    campaign: Campaign, goal: Goal | None, settings: OrgSettings, last_run: datetime | None
) -> datetime:
    """When results become final: the last window has closed, and 7 days more (M-08)."""
    closes = campaign.ends_at(settings.zone)
    if goal is not None and last_run is not None:
        closes = max(closes, last_run + timedelta(days=goal.window_days))
    return closes + FINAL_AFTER
