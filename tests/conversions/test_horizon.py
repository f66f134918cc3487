"""How far back a step of attribution looks: as the windows of the goals it can touch lead, no less and no further."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from audiences.models import Transaction
from campaigns.models import Campaign, Delivery
from conversions.attribution import attribute, recompute
from conversions.models import ArmFigures, Attribution, Response
from engage.orgs.models import Org
from tests.conversions.stories import Story, utc
from tests.conversions.test_increments import derived

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(inside: Org) -> Story:
    """An org whose attribution has run before: what follows are increments."""
    attribute(inside.pk, at=utc(5, 1))
    return Story(inside)


def credited(story: Story, bill: Transaction, basis: int = 0) -> list[int]:
    rows = Attribution.objects.for_org(story.org).filter(txn_id=bill.id, basis=basis)
    return list(rows.values_list("campaign_id", flat=True))


def sent(
    story: Story, on: date, customers: list[int], *, changed_at: datetime | None = None, **goal: object
) -> Campaign:
    """A short campaign with one run, long over by the time of most sales here."""
    campaign = story.campaign(start=on, end=on, goal=goal)
    told = {} if changed_at is None else {"changed_at": changed_at}
    story.deliver(story.run(campaign, on), customers, **told)
    return campaign


def same_anew(story: Story) -> bool:
    stepwise = derived(story.org)
    recompute(story.org.pk, at=utc(12, 1))
    return derived(story.org) == stepwise


def test_a_late_bill_in_a_long_window_is_credited_though_shorter_goals_are_live(story: Story) -> None:
    """G-15, G-20: sent 1 June with 90 days; a bill of 28 August comes in on 20 September"""
    (customer,) = story.customers(1)
    long = sent(story, date(2026, 6, 1), [customer], window_days=90)
    sent(story, date(2026, 8, 25), [customer], window_days=1)
    attribute(story.org.pk, at=utc(9, 1))
    bill = story.buy(customer, utc(8, 28), changed_at=utc(9, 20))
    done = attribute(story.org.pk, at=utc(9, 21))
    assert credited(story, bill) == [long.pk]
    assert credited(story, bill, basis=1) == [long.pk]
    assert done.oldest_run_on == date(2026, 6, 1)
    assert same_anew(story)


def test_a_step_looks_as_far_back_as_the_live_goals_windows_lead(story: Story) -> None:
    """G-15: with the long goal's campaign out of reach, its run day is not looked at; one a little later is"""
    (customer,) = story.customers(1)
    for on, window_days in ((date(2026, 5, 1), 45), (date(2026, 6, 8), 7), (date(2026, 6, 20), 7)):
        sent(story, on, [customer], window_days=window_days)
    attribute(story.org.pk, at=utc(6, 21))
    bill = story.buy(customer, utc(6, 25), changed_at=utc(6, 25))
    assert attribute(story.org.pk, at=utc(6, 26)).oldest_run_on == date(2026, 6, 20)
    assert len(credited(story, bill)) == 1
    sent(story, date(2026, 5, 4), [customer], window_days=90, changed_at=utc(6, 26))
    attribute(story.org.pk, at=utc(6, 27))
    story.buy(customer, utc(6, 28), changed_at=utc(6, 28))
    assert attribute(story.org.pk, at=utc(6, 29)).oldest_run_on == date(2026, 5, 4)
    assert same_anew(story)


def test_without_a_live_goal_nothing_is_looked_up(story: Story) -> None:
    """G-15"""
    (customer,) = story.customers(1)
    sent(story, date(2026, 5, 1), [customer], window_days=15)
    attribute(story.org.pk, at=utc(5, 2))
    story.buy(customer, utc(7, 1), changed_at=utc(7, 1))
    assert attribute(story.org.pk, at=utc(7, 2)).oldest_run_on is None


@pytest.mark.parametrize("anchor", ["opened", "clicked"])
def test_an_anchor_months_after_the_run_leads_to_its_delivery(story: Story, anchor: str) -> None:
    """G-15, G-16: sent 1 June, opened 1 October, bought 20 October; only that customer looks so far back"""
    reader, other = story.customers(2)
    campaign = sent(story, date(2026, 6, 1), [reader, other], window_days=30, anchor=anchor)
    recent = sent(story, date(2026, 10, 10), [reader, other], window_days=15)
    attribute(story.org.pk, at=utc(10, 11))
    Delivery.objects.for_org(story.org).filter(campaign_id=campaign.pk, customer_id=reader).update(
        **{f"{anchor}_at": utc(10, 1), "anchors_changed_at": utc(10, 12)}
    )
    attribute(story.org.pk, at=utc(10, 13))
    bills = [story.buy(customer, utc(10, 20), changed_at=utc(10, 21)) for customer in (reader, other)]
    done = attribute(story.org.pk, at=utc(10, 22))
    assert sorted(credited(story, bills[0])) == [campaign.pk, recent.pk]
    assert credited(story, bills[1]) == [recent.pk]
    assert done.oldest_run_on == date(2026, 10, 10)
    assert same_anew(story)


def test_a_bill_that_moves_to_another_month_and_customer_takes_its_credit_along(story: Story) -> None:
    """G-20"""
    first, second = story.customers(2)
    campaign = sent(story, date(2026, 6, 25), [first, second], window_days=30)
    bill = story.buy(first, utc(6, 28))
    attribute(story.org.pk, at=utc(6, 29))
    Transaction.objects.for_org(story.org).filter(id=bill.id).delete()
    Transaction(
        org=story.org, customer_id=second, txn_at=utc(7, 3), id=bill.id, external_id=bill.external_id, kind="sale",
        net=bill.net, net_after_returns=bill.net, received_at=bill.received_at, changed_at=utc(7, 5),
    ).save(force_insert=True)  # fmt: skip
    attribute(story.org.pk, at=utc(7, 6))
    kept = Attribution.objects.for_org(story.org).filter(campaign_id=campaign.pk, basis=0)
    assert [(row.customer_id, row.txn_at) for row in kept] == [(second, utc(7, 3))]
    assert ArmFigures.objects.for_org(story.org).get(campaign=campaign, arm=0).converted == 1
    assert same_anew(story)


def test_a_sale_corrected_to_a_return_loses_its_credit(story: Story) -> None:
    """G-20"""
    (customer,) = story.customers(1)
    sent(story, date(2026, 6, 1), [customer])
    bill = story.buy(customer, utc(6, 1, "12:00:00"))
    attribute(story.org.pk, at=utc(6, 3))
    assert credited(story, bill)
    story.change(bill, at=utc(6, 4), kind="return", net_after_returns=0)
    attribute(story.org.pk, at=utc(6, 5))
    assert not credited(story, bill)
    assert not Response.objects.for_org(story.org).exists()
    assert same_anew(story)


def test_a_held_out_customer_who_is_sent_to_later_answers_no_more(story: Story) -> None:
    """M-24: also with the sales between"""
    (customer,) = story.customers(1)
    campaign = story.campaign(goal={})
    story.hold_out(story.run(campaign, date(2026, 6, 1)), [customer], at=utc(6, 1, "10:00:00"))
    story.buy(customer, utc(6, 3))
    attribute(story.org.pk, at=utc(6, 4))
    assert Response.objects.for_org(story.org).count() == 1
    story.deliver(story.run(campaign, date(2026, 6, 5)), [customer], arm=1)
    attribute(story.org.pk, at=utc(6, 6))
    assert not Response.objects.for_org(story.org).exists()
    assert same_anew(story)
