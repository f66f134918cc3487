"""Attribution done in any number of steps equals attribution done anew, and a plain evaluation of the same rows."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audiences.models import Transaction
from campaigns.models import Campaign, Delivery
from conversions.attribution import attribute, recompute
from conversions.models import ArmFigures, Attribution, CampaignCustomer, Goal, Response
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests.conversions.stories import Story, utc

ATTRIBUTED = (
    "customer_id", "txn_at", "txn_id", "campaign_id", "basis", "run_id", "seq", "message_id", "arm", "anchor_at",
    "net", "org_latest",
)  # fmt: skip
RESPONDED = ("customer_id", "txn_at", "txn_id", "campaign_id", "arm", "net")
FIGURES = (
    "campaign_id", "arm", "targeted", "contacted", "delivered", "opened", "clicked", "responders", "bills", "sales",
    "squares", "converted", "conversions", "conversion_value", "slot_converted", "slot_conversions", "slot_value",
)  # fmt: skip


def derived(org: Org) -> dict[str, list[Any]]:
    return {
        "attributions": sorted(Attribution.objects.for_org(org).values_list(*ATTRIBUTED)),
        "responses": sorted(Response.objects.for_org(org).values_list(*RESPONDED)),
        "figures": sorted(
            row for row in ArmFigures.objects.for_org(org).values_list(*FIGURES) if any(row[2:])
        ),
    }


class Season:
    """A random season of campaigns, deliveries and bills that go on changing. `pace`: the most days a step takes."""

    def __init__(self, story: Story, seed: int, pace: int = 4) -> None:
        self.story, self.random, self.pace = story, random.Random(seed), pace
        self.customers = story.customers(40)
        self.campaigns = [story.campaign(goal=self.goal(), end=date(2026, 6, 25)) for _ in range(4)]
        self.runs = [
            story.run(c, date(2026, 6, self.random.randint(1, 20))) for c in self.campaigns for _ in range(3)
        ]
        self.bills: list[Transaction] = []
        self.now = utc(6, 1)

    def goal(self) -> dict[str, Any]:
        return {
            "anchor": self.random.choice(Goal.Anchor.values),
            "touch": self.random.choice(Goal.Touch.values),
            "window_days": self.random.choice([1, 7, 15, 45, 90]),
            "groups": self.random.choice([[], [[{"field": "net", "op": "gt", "value": 5000}]]]),
        }

    def step(self) -> None:
        """A few days in which things happen, some of them late."""
        self.now += timedelta(days=self.random.randint(1, self.pace), minutes=self.random.randint(0, 600))
        for act in self.random.choices(
            [
                self.send,
                self.send_to_control,
                *[self.buy] * 4,
                *[self.report] * 2,
                self.give_back,
                self.correct,
            ],
            k=20,
        ):
            act()

    def moment(self) -> datetime:
        return self.now - timedelta(minutes=self.random.choice([0, 0, 5, 600, 2250 * self.pace]))

    def send(self) -> None:
        if not self.runs:
            return
        run = self.runs.pop()
        people = self.random.sample(self.customers, 25)
        sent = datetime.combine(run.run_on, datetime.min.time(), UTC) + timedelta(hours=9)
        held = [c for c in people if c % 5 == 0]
        self.story.deliver(
            run, [c for c in people if c % 5], sent_at=sent, delivered_at=None, changed_at=self.now
        )
        self.story.hold_out(run, held, at=sent)
        Delivery.objects.for_org(self.story.org).filter(run_id=run.pk, arm=1).update(
            anchors_changed_at=self.now
        )

    def report(self) -> None:
        rows = list(Delivery.objects.for_org(self.story.org).filter(state=1, arm=0)[:200])
        for row in self.random.sample(rows, min(8, len(rows))):
            kind = self.random.choice(["delivered_at", "opened_at", "clicked_at"])
            at = row.sent_at + timedelta(minutes=self.random.randint(0, 5_000 * self.pace))
            Delivery.objects.for_org(self.story.org).filter(run_id=row.run_id, seq=row.seq).update(
                **{kind: at, "anchors_changed_at": self.now}
            )

    def send_to_control(self) -> None:
        """One who was held out gets the campaign's next message after all."""
        held = Delivery.objects.for_org(self.story.org).filter(state=5).order_by("customer_id")
        if held and self.runs:
            row = self.random.choice(held)
            run = next((run for run in self.runs if run.campaign_id == row.campaign_id), None)
            if run is not None:
                self.story.deliver(run, [row.customer_id], arm=1, changed_at=self.now)

    def buy(self) -> None:
        customer = self.random.choice(self.customers)
        net = self.random.choice([3000, 5000, 9000])
        self.bills.append(self.story.buy(customer, self.moment(), net, changed_at=self.now))

    def give_back(self) -> None:
        if self.bills:
            whole = self.random.random() < 0.5
            self.story.change(
                self.random.choice(self.bills),
                at=self.now,
                net_after_returns=0 if whole else 100,
                fully_returned=whole,
            )

    def correct(self) -> None:
        """A bill gets another time: deleted and inserted, as intake does."""
        if not self.bills:
            return
        old = self.bills.pop(self.random.randrange(len(self.bills)))
        Transaction.objects.for_org(self.story.org).filter(id=old.id).delete()
        new = Transaction(
            org=self.story.org, customer_id=self.random.choice([old.customer_id, self.customers[0]]),
            txn_at=self.moment(), id=old.id, external_id=old.external_id, kind="sale", net=old.net,
            net_after_returns=old.net, received_at=old.received_at, changed_at=self.now,
        )  # fmt: skip
        new.save(force_insert=True)
        self.bills.append(new)


def plain_attributions(org: Org) -> set[tuple[int, int, int, int, int]]:
    """(bill, campaign, basis, run, seq) by reading every row and looking: slow, obvious, independent."""
    goals = {goal.campaign_id: goal for goal in Goal.objects.for_org(org)}
    rows = defaultdict(list)
    for row in Delivery.objects.for_org(org).filter(state__in=[1, 5]):
        rows[row.customer_id].append(row)
    found = set()
    for bill in Transaction.objects.for_org(org).filter(kind="sale", fully_returned=False):
        for campaign_id, goal in goals.items():
            if goal.groups and not bill.net_after_returns > 5000:
                continue
            for basis in (0, 1):
                touches = []
                for row in rows[bill.customer_id]:
                    if row.campaign_id != campaign_id:
                        continue
                    anchor = (
                        getattr(row, f"{goal.anchor}_at")
                        if basis == 0 and row.state == 1
                        else row.sent_at if basis == 1 and row.state == 1 and row.arm == 0
                        else row.state_at if basis == 1 and row.state == 5
                        else None
                    )  # fmt: skip
                    if anchor and anchor <= bill.txn_at < anchor + timedelta(hours=24 * goal.window_days):
                        touches.append((anchor, row.run_id, row.seq))
                if touches:
                    _, run, seq = min(touches) if goal.touch == "first" else max(touches)
                    found.add((bill.id, campaign_id, basis, run, seq))
    return found


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("seed", "pace"), [*((seed, 4) for seed in range(4)), *((seed, 20) for seed in range(4, 10))]
)
def test_steps_equal_a_full_recompute_and_a_plain_evaluation(inside: Org, seed: int, pace: int) -> None:
    """G-16 to G-20: within weeks, and over months in which anchors come late and campaigns are long over"""
    season = Season(Story(inside), seed, pace)
    for _ in range(8):
        season.step()
        attribute(inside.pk, at=season.now + timedelta(minutes=6))
    stepwise = derived(inside)
    assert len(stepwise["attributions"]) > 10
    stored = Attribution.objects.for_org(inside).values_list(
        "txn_id", "campaign_id", "basis", "run_id", "seq"
    )
    assert set(stored) == plain_attributions(inside)
    again = attribute(inside.pk, at=season.now + timedelta(minutes=7))
    assert derived(inside) == stepwise
    assert again.conversions_removed == 0
    done = recompute(inside.pk, at=season.now + timedelta(minutes=8))
    assert derived(inside) == stepwise
    assert done.corrected_figures == 0


@pytest.mark.django_db(transaction=True)
def test_a_step_takes_up_what_changed_since_and_what_was_still_open(org: Org) -> None:
    """G-20: a sale that a long transaction wrote before the last step and committed after it is not lost."""
    with org_context(org.pk):
        story = Story(org)
        campaign = story.campaign(goal={})
        customers = story.customers(3)
        story.deliver(story.run(campaign), customers)
        story.buy(customers[0], utc(6, 2), changed_at=timezone.now())
    written, go_on = Event(), Event()

    def slow() -> None:
        with org_context(org.pk):
            story.buy(customers[1], utc(6, 2), changed_at=timezone.now())
            written.set()
            assert go_on.wait(20)
        connection.close()

    def step() -> int:
        return attribute(org.pk, at=timezone.now(), settle=timedelta()).customers

    writer = Thread(target=slow)
    writer.start()
    assert written.wait(20)
    assert step() == 3
    go_on.set()
    writer.join()
    with org_context(org.pk):
        assert Response.objects.for_org(org).count() == 1
    assert step() == 1
    with org_context(org.pk):
        assert Response.objects.for_org(org).count() == 2
    assert step() == 0


@pytest.mark.django_db
def test_what_was_lost_is_found_by_the_nightly_run(inside: Org) -> None:
    """G-20, M-27: figures that somebody spoiled are summed anew"""
    season = Season(Story(inside), 1)
    for _ in range(6):
        season.step()
    attribute(inside.pk, at=season.now + timedelta(minutes=6))
    right = derived(inside)
    ArmFigures.objects.for_org(inside).update(responders=999)
    Attribution.objects.for_org(inside).all().delete()
    done = recompute(inside.pk, at=season.now + timedelta(minutes=7))
    assert done.corrected_figures > 0
    assert derived(inside) == right


@pytest.mark.django_db
def test_a_later_end_of_the_campaign_lets_more_sales_answer(inside: Org) -> None:
    """C-07, M-16"""
    story = Story(inside)
    campaign = story.campaign(end=date(2026, 6, 10), goal={})
    (customer,) = story.customers(1)
    story.deliver(story.run(campaign), [customer])
    story.buy(customer, utc(6, 12))
    attribute(inside.pk, at=utc(6, 13))
    assert not Response.objects.for_org(inside).exists()
    Campaign.objects.for_org(inside).filter(pk=campaign.pk).update(end_on=date(2026, 6, 15))
    attribute(inside.pk, at=utc(6, 14))
    assert Response.objects.for_org(inside).count() == 1
    assert CampaignCustomer.objects.for_org(inside).get().responses == 1


@pytest.mark.django_db
def test_a_customer_really_sent_to_leaves_the_control_group(inside: Org) -> None:
    """G-22, M-24"""
    story = Story(inside)
    campaign = story.campaign(goal={})
    held, sent = story.customers(2)
    run = story.run(campaign)
    story.hold_out(run, [held], at=utc(6, 1, "10:00:00"))
    story.deliver(run, [sent], arm=1)
    for customer in (held, sent):
        story.buy(customer, utc(6, 5))
    attribute(inside.pk, at=utc(6, 20))
    control = ArmFigures.objects.for_org(inside).get(campaign=campaign, arm=1)
    assert (control.targeted, control.contacted, control.sent_control, control.responders) == (2, 1, 1, 1)
    apart = Attribution.objects.for_org(inside).filter(sent_control=True)
    assert [row.customer_id for row in apart] == [sent]


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_count_nothing_twice(org: Org) -> None:
    """G-20"""
    with org_context(org.pk):
        season = Season(Story(org), 2)
        for _ in range(6):
            season.step()

    def work() -> None:
        attribute(org.pk, at=season.now + timedelta(minutes=6))
        connection.close()

    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with org_context(org.pk):
        once = derived(org)
        assert recompute(org.pk, at=season.now + timedelta(minutes=7)).corrected_figures == 0
        assert derived(org) == once
