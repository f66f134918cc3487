"""A finished campaign with tallies, for pages of reports."""

from __future__ import annotations

from datetime import date

from campaigns.models import Campaign, Run, Tally
from conversions.attribution import attribute
from engage.orgs.models import Org
from tests import factories
from tests.conversions.stories import Story, utc

# (state, outcome, arm, rows): 0 is Targeted.
FINISHED = [(0, 0, 0, 9), (0, 0, 1, 3), (1, 2, 0, 9), (5, 0, 1, 3)]


def tally(org: Org, run: Run, rows: list[tuple[int, int, int, int]]) -> None:
    for number, (state, outcome, arm, n) in enumerate(rows):
        Tally(
            org=org, run_id=run.pk, id=number, slot=0, channel="email", variant=0, arm=arm, state=state,
            outcome=outcome, n=n,
        ).save(force_insert=True)  # fmt: skip


def finished(org: Org, rows: list[tuple[int, int, int, int]] | None = None) -> tuple[Campaign, Run]:
    """Nine test and three control customers, sent on 5 June; five of the nine bought. Call inside the org's context."""
    factories.settings_of(org, time_zone="UTC")
    story = Story(org)
    campaign = story.campaign(goal={"anchor": "sent"})
    run = story.run(campaign, date(2026, 6, 5))
    test, control = story.customers(9), story.customers(3)
    story.deliver(run, test, outcome=2)
    story.hold_out(run, control, at=utc(6, 5, "10:00:00"))
    for customer in test[:5]:
        story.buy(customer, utc(6, 8), 250_000)
    tally(org, run, FINISHED if rows is None else rows)
    attribute(org.pk, at=utc(7, 1))
    return campaign, run
