"""The test vectors 1 to 16 of conversions.md and its worked example, through the real run over stored rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from audiences.models import Transaction
from campaigns.models import Campaign, Delivery, Run
from conversions.attribution import attribute
from conversions.models import ArmFigures, Attribution, Response
from engage.orgs.models import Org
from tests.conversions.stories import Story, utc

pytestmark = pytest.mark.django_db
LATER = utc(12, 1)


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


def compute(story: Story, at: datetime = LATER) -> None:
    attribute(story.org.pk, at=at)


def credited(story: Story, bill: Transaction, campaign: Campaign, basis: int = 0) -> int | None:
    """The message that a bill is credited to."""
    return (
        Attribution.objects.for_org(story.org)
        .filter(campaign_id=campaign.pk, txn_id=bill.id, basis=basis)
        .values_list("message_id", flat=True)
        .first()
    )


class Two:
    """A customer who got M1 (delivered 1 June 10:01:00) and M2 (5 June 10:01:00), under both touches."""

    def __init__(self, story: Story, **goal: object) -> None:
        self.story = story
        (self.customer,) = story.customers(1)
        self.campaigns = {touch: story.campaign(goal={"touch": touch, **goal}) for touch in ("first", "last")}
        self.runs: dict[str, tuple[Run, Run]] = {}
        self.rows: list[Delivery] = []
        for touch, campaign in self.campaigns.items():
            m1, m2 = story.run(campaign, date(2026, 6, 1)), story.run(campaign, date(2026, 6, 5))
            self.rows += story.deliver(m1, [self.customer]) + story.deliver(m2, [self.customer])
            self.runs[touch] = (m1, m2)

    def answers(self, bill: Transaction) -> tuple[str, str]:
        """("M1" | "M2" | "none") by first and by last touch."""
        found = []
        for touch in ("first", "last"):
            m1, m2 = self.runs[touch]
            names = {m1.message_id: "M1", m2.message_id: "M2", None: "none"}
            found.append(names[credited(self.story, bill, self.campaigns[touch])])
        return found[0], found[1]

    def set(self, which: int, **facts: object) -> None:
        """Change M1 (0) or M2 (1) in both campaigns."""
        for m in (self.runs["first"][which], self.runs["last"][which]):
            Delivery.objects.for_org(self.story.org).filter(run_id=m.pk).update(**facts)


@pytest.mark.parametrize(
    ("number", "at", "first", "last"),
    [
        (1, utc(6, 6, "12:00:00"), "M1", "M2"),
        (2, utc(6, 16, "10:01:00"), "M2", "M2"),
        (3, utc(6, 16, "10:00:59"), "M1", "M2"),
        (4, utc(6, 1, "10:00:59"), "none", "none"),
        (5, utc(6, 1, "10:01:00"), "M1", "M1"),
        (6, utc(6, 20, "10:01:00"), "none", "none"),
    ],
)
def test_the_window_begins_with_the_anchor_and_ends_before_its_last_instant(
    story: Story, number: int, at: datetime, first: str, last: str
) -> None:
    """G-15, G-16, G-17: vectors 1 to 6"""
    two = Two(story)
    bill = story.buy(two.customer, at)
    compute(story)
    assert two.answers(bill) == (first, last)


@pytest.mark.parametrize(("opened", "expected"), [(True, ("M1", "M1")), (False, ("none", "none"))])
def test_an_open_by_a_person_anchors_and_a_machines_does_not(
    story: Story, opened: bool, expected: tuple[str, str]
) -> None:
    """G-16: vectors 7 and 8. Receipts write `opened_at` for opens by people only."""
    two = Two(story, anchor="opened")
    if opened:
        two.set(0, opened_at=utc(6, 2))
    bill = story.buy(two.customer, utc(6, 6, "12:00:00"))
    compute(story)
    assert two.answers(bill) == expected


def test_a_late_report_moves_the_credit_after_a_recompute(story: Story) -> None:
    """G-16, G-20: vector 9"""
    two = Two(story)
    two.set(0, delivered_at=None)
    bill = story.buy(two.customer, utc(6, 6, "12:00:00"))
    compute(story, utc(6, 7))
    assert two.answers(bill) == ("M2", "M2")
    two.set(0, delivered_at=utc(6, 1, "10:01:00"), anchors_changed_at=utc(6, 7, "08:00:00"))
    compute(story, utc(6, 8))
    assert two.answers(bill) == ("M1", "M2")


def test_equal_anchors_go_to_the_lower_row_first_and_the_higher_last(story: Story) -> None:
    """G-17: vector 10"""
    two = Two(story)
    two.set(1, delivered_at=utc(6, 1, "10:01:00"))
    bill = story.buy(two.customer, utc(6, 6))
    compute(story)
    assert two.answers(bill) == ("M1", "M2")


def test_two_purchases_are_two_conversions_of_one_customer(story: Story) -> None:
    """G-19: vector 11"""
    two = Two(story)
    story.buy(two.customer, utc(6, 6))
    story.buy(two.customer, utc(6, 7))
    compute(story)
    figures = ArmFigures.objects.for_org(story.org).get(campaign=two.campaigns["last"], arm=0)
    assert (figures.converted, figures.conversions) == (1, 2)


def test_a_full_return_removes_the_conversion(story: Story) -> None:
    """G-20: vector 12"""
    two = Two(story)
    bill = story.buy(two.customer, utc(6, 6))
    compute(story, utc(6, 9))
    assert two.answers(bill) == ("M1", "M2")
    story.change(bill, at=utc(6, 10), net_after_returns=0, fully_returned=True)
    compute(story, utc(6, 11))
    assert two.answers(bill) == ("none", "none")
    assert not Response.objects.for_org(story.org).exists()


def test_two_campaigns_count_a_purchase_each_and_the_org_once(story: Story) -> None:
    """G-18: vector 13"""
    (customer,) = story.customers(1)
    ours, other = story.campaign(goal={}), story.campaign(goal={})
    for day in (1, 5):
        story.deliver(story.run(ours, date(2026, 6, day)), [customer])
    story.deliver(
        story.run(other, date(2026, 6, 6)),
        [customer],
        sent_at=utc(6, 6, "08:59:00"),
        delivered_at=utc(6, 6, "09:00:00"),
    )
    story.buy(customer, utc(6, 6, "12:00:00"))
    compute(story)
    rows = Attribution.objects.for_org(story.org).filter(basis=0)
    assert {row.campaign_id for row in rows} == {ours.pk, other.pk}
    assert [row.campaign_id for row in rows if row.org_latest] == [other.pk]


@pytest.mark.parametrize(
    ("condition", "converts"),
    [
        ({"field": "store", "op": "is", "value": "S1", "exclude": True}, True),
        ({"field": "store", "op": "is_not", "value": "S1"}, False),
    ],
)
def test_a_missing_store_fails_is_not_and_passes_exclude(
    story: Story, condition: dict[str, object], converts: bool
) -> None:
    """G-13: vectors 14 and 15"""
    two = Two(story, groups=[[condition]])
    bill = story.buy(two.customer, utc(6, 6))
    compute(story)
    assert (two.answers(bill) != ("none", "none")) is converts


def test_a_control_customers_purchase_is_compared_but_never_in_the_headline(story: Story) -> None:
    """G-21: vector 16"""
    (customer,) = story.customers(1)
    campaign = story.campaign(goal={"anchor": "clicked"})
    story.hold_out(story.run(campaign), [customer], at=utc(6, 1, "10:00:00"))
    bill = story.buy(customer, utc(6, 6))
    compute(story)
    assert credited(story, bill, campaign, basis=0) is None
    assert credited(story, bill, campaign, basis=1) is not None
    control = ArmFigures.objects.for_org(story.org).get(campaign=campaign, arm=1)
    assert (control.converted, control.slot_converted) == (0, 1)


WORKED = [
    ((11, 2, "10:00:30"), 500_000, "P1", "none", True),
    ((11, 5, "12:00:00"), 350_000, "P2", "M1", True),
    ((11, 7, "12:00:00"), 350_000, "P2", "M2", True),
    ((11, 7, "13:00:00"), 300_000, "P2", "none", True),
    ((11, 7, "14:00:00"), 420_000, "Q1", "none", True),
    ((11, 22, "10:00:00"), 500_000, "P1", "M2", False),
    ((11, 26, "18:30:00"), 500_000, "P1", "none", False),
]


def kolkata(month: int, day: int, clock: str) -> datetime:
    return utc(month, day, clock) - timedelta(hours=5, minutes=30)


def test_the_worked_example(story: Story) -> None:
    """G-15, G-17, G-20, M-16: the Diwali campaign of conversions.md, in Asia/Kolkata"""
    goal = {
        "window_days": 20,
        "groups": [
            [
                {"field": "net", "op": "gt", "value": 300_000},
                {"field": "store", "op": "in", "value": [f"P{n}" for n in range(1, 10)]},
            ]
        ],
    }
    campaign = story.campaign(start=date(2026, 11, 1), end=date(2026, 11, 15), goal=goal)
    (k,) = story.customers(1)
    m1, m2 = story.run(campaign, date(2026, 11, 2)), story.run(campaign, date(2026, 11, 6))
    for run, day, clock in ((m1, 2, "10:00:00"), (m2, 6, "18:29:00")):
        sent = kolkata(11, day, clock)
        story.deliver(run, [k], sent_at=sent, delivered_at=sent + timedelta(minutes=1))
    bills = [story.buy(k, kolkata(*when), net, store=store) for when, net, store, _, _ in WORKED]
    compute(story)
    names = {m1.message_id: "M1", m2.message_id: "M2", None: "none"}
    responses = set(Response.objects.for_org(story.org).values_list("txn_id", flat=True))
    assert [names[credited(story, bill, campaign)] for bill in bills] == [row[3] for row in WORKED]
    assert [bill.id in responses for bill in bills] == [row[4] for row in WORKED]
    figures = ArmFigures.objects.for_org(story.org).get(campaign=campaign, arm=0)
    assert (figures.converted, figures.conversions) == (1, 3)

    story.change(bills[2], at=utc(12, 1, "01:00:00"), net_after_returns=290_000)
    compute(story, utc(12, 2))
    assert credited(story, bills[2], campaign) is None
    assert Response.objects.for_org(story.org).get(txn_id=bills[2].id).net == 290_000
