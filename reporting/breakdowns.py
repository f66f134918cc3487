"""The parts of a campaign's or a message's report, from tallies and aggregates: no page counts deliveries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Count, Sum

from campaigns import funnel, progress, wording
from campaigns.funnel import Funnel
from campaigns.models import Campaign, Delivery, Message, Run, Tally
from campaigns.progress import Progress
from campaigns.tally import TARGETED
from conversions.models import Attribution, Basis
from engage.orgs import formatting
from engage.orgs.formatting import Style
from engage.orgs.models import Org
from reporting.effect import Effect


@dataclass(frozen=True)
class Part:
    """A message, channel or day of a report."""

    label: str
    counts: Progress
    url_pk: int | None = None
    conversions: int = 0
    converted: int = 0
    value: int = 0


@dataclass
class Check:
    """One line of M-27, with whether it holds."""

    text: str
    holds: bool


@dataclass
class Report:
    """Everything below the tiles."""

    messages: list[Part] = field(default_factory=list)
    channels: list[Part] = field(default_factory=list)
    days: list[Part] = field(default_factory=list)
    reasons: list[tuple[str, str, int]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


@dataclass(frozen=True)
class Lost:
    """Rows of the test group that nobody got, and all of that group (M-34)."""

    rows: int
    of: int

    @property
    def share(self) -> float | None:
        return self.rows / self.of if self.of else None


def lost_of_test(org: Org | int, runs: Iterable[int]) -> Lost:
    """Failed and Unconfirmed test rows: customers whom test lost and control kept."""
    rows = Tally.objects.for_org(org).filter(run_id__in=list(runs), arm=Delivery.Arm.TEST)
    states = dict(rows.values_list("state").annotate(n=Sum("n")))
    lost = states.get(Delivery.State.FAILED, 0) + states.get(Delivery.State.UNCONFIRMED, 0)
    return Lost(lost, states.get(TARGETED, 0))


def of_campaign(org: Org, campaign: Campaign, effect: Effect, style: Style) -> Report:
    runs = list(
        Run.objects.for_org(org).filter(campaign=campaign).select_related("message").order_by("run_on", "pk")
    )
    counts = progress.of_runs(org.pk, [run.pk for run in runs])
    credited = _credited(org, campaign)
    by_message: dict[int, Progress] = defaultdict(Progress)
    by_channel: dict[str, Progress] = defaultdict(Progress)
    by_day: dict[date, Progress] = defaultdict(Progress)
    for run in runs:
        by_message[run.message_id] += counts[run.pk]
        by_channel[run.message.channel] += counts[run.pk]
        by_day[run.run_on] += counts[run.pk]
    messages = {m.pk: m for m in Message.objects.for_org(org).filter(pk__in=list(by_message))}
    total = sum(counts.values(), Progress())
    return Report(
        messages=[
            Part(messages[pk].title, part, pk, *credited.get(pk, (0, 0, 0)))
            for pk, part in by_message.items()
        ],
        channels=[Part(wording.CHANNELS[channel][1], part) for channel, part in by_channel.items()],
        days=[Part(formatting.day(day, style), part) for day, part in sorted(by_day.items())],
        reasons=reasons_of(total),
        checks=[*checks(total, runs, effect), _credit_adds_up(credited, effect)],
    )


def _credited(org: Org, campaign: Campaign) -> dict[int, tuple[int, int, int]]:
    """Message → (conversions, converted customers, value); a customer of two messages counts in both (M-06)."""
    rows = (
        Attribution.objects.for_org(org)
        .filter(campaign_id=campaign.pk, basis=Basis.GOAL, arm=0)
        .values("message_id")
        .annotate(n=Count("txn_id"), people=Count("customer_id", distinct=True), value=Sum("net"))
    )
    return {row["message_id"]: (row["n"], row["people"], row["value"] or 0) for row in rows}


def _credit_adds_up(credited: dict[int, tuple[int, int, int]], effect: Effect) -> Check:
    """A bill is credited to one message, so the rows of the messages give the figure of the campaign (M-27, 8)."""
    rows = sum(n for n, _people, _value in credited.values())
    return Check("conversions of the messages = conversions of the campaign", rows == effect.test.conversions)


def reasons_of(counts: Progress) -> list[tuple[str, str, int]]:
    """(state, reason, rows), the most first."""
    found = [
        (state, reason, n) for state, reasons in counts.reasons.items() for reason, n in reasons.items() if n
    ]
    return sorted(found, key=lambda row: -row[2])


def checks(counts: Progress, runs: Iterable[Run], effect: Effect | None) -> list[Check]:
    """What must add up (M-27), as far as this object has it."""
    listed = list(runs)
    outcomes = counts.delivered + counts.not_delivered + counts.in_flight + counts.no_report
    found = [
        Check(
            "targeted = queued + handing over + sent + failed + unconfirmed + skipped + held out + cancelled",
            counts.queued >= 0 and counts.targeted == counts.queued + counts.handing_over + counts.ledger,
        ),
        Check("sent = delivered + not delivered + in flight + no report", counts.sent == outcomes),
        Check(
            "unique clicks ≤ unique opens ≤ delivered", counts.clicked <= counts.opened <= counts.delivered
        ),
        Check("skipped, failed, cancelled = sums of their reasons", counts.adds_up),
        Check(
            "matched = excluded + outside the unit + targeted customers",
            all(run.matched == run.excluded + run.out_of_unit + run.targeted_customers for run in listed),
        ),
    ]
    if effect is not None:
        t, c = effect.test, effect.control
        found += [
            Check("responders ≤ contacted ≤ targeted, in both groups",
                  t.responders <= t.contacted <= t.targeted and c.responders <= c.contacted <= c.targeted),
            Check("converted customers ≤ customers with the anchor, and ≤ conversions",
                  effect.goal is None or t.converted <= min(t.with_anchor(effect.goal.anchor), t.conversions)),
        ]  # fmt: skip
    return found


def funnels(runs: Iterable[Run], counts: Mapping[int, Progress]) -> list[tuple[Run, Funnel, Progress]]:
    """The funnel of each finished or open run, and what became of those who passed it."""
    return [(run, funnel.of_run(run, at=run.frozen_at), counts[run.pk]) for run in runs if run.frozen_at]
