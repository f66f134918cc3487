"""Vectors 17 to 24: the effect of a campaign, computed from stored deliveries and bills through the real run."""

from __future__ import annotations

from datetime import date
from math import sqrt

import pytest

from audiences.models import Transaction
from campaigns.models import Campaign
from conversions.attribution import attribute
from engage.orgs.models import Org
from reporting.effect import Effect, of_campaign
from tests import factories
from tests.conversions.stories import Story, utc

pytestmark = pytest.mark.django_db
AT = utc(7, 30)
MEAN, SPREAD = 5000, 3000


def spread_sales(n: int, total: int, deviation: int) -> list[int]:
    """n amounts with this sum and this sample deviation, half above the mean and half below."""
    step = round(deviation * sqrt((n - 1) / n)) if n > 1 else 0
    mean = total // n
    return [mean + step if place % 2 else mean - step for place in range(n)]


def buy_all(story: Story, customers: list[int], amounts: list[int]) -> None:
    at = utc(6, 10)
    first = 10_000_000 + Transaction.objects.for_org(story.org).count()
    Transaction.objects.bulk_create(
        Transaction(
            org=story.org, customer_id=customer, txn_at=at, id=first + place, external_id=f"V{first + place}",
            kind="sale", net=amount, net_after_returns=amount, received_at=at, changed_at=at,
        )
        for place, (customer, amount) in enumerate(zip(customers, amounts, strict=True))
    )  # fmt: skip


def effect(
    org: Org,
    *,
    tc: int = 1000,
    tr: int = 120,
    ts: int = 600_000,
    cc: int = 200,
    cr: int = 16,
    deviation: int = 0,
) -> Effect:
    story = Story(org)
    campaign: Campaign = story.campaign(start=date(2026, 6, 1), end=date(2026, 6, 20), goal={})
    run = story.run(campaign)
    test, control = story.customers(tc), story.customers(cc)
    if test:
        story.deliver(run, test)
    if control:
        story.hold_out(run, control, at=utc(6, 1, "10:00:00"))
    if tr:
        buy_all(story, test[:tr], spread_sales(tr, ts, deviation))
    if cr:
        buy_all(story, control[:cr], [MEAN] * cr)
    attribute(org.pk, at=AT)
    return of_campaign(org, campaign, at=AT)


def percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 2)


def value_of(found: Effect) -> int | None:
    return None if found.incremental is None else round(found.incremental.value)


def test_vector_17(inside: Org) -> None:
    """M-19, M-20"""
    found = effect(inside)
    assert (found.arms.tc, found.arms.tr, found.arms.ts) == (1000, 120, 600_000)
    assert percent(found.uplift) == 50.00
    assert value_of(found) == 200_000


def test_vector_18_with_and_without_the_floor(inside: Org) -> None:
    """M-19, M-20"""
    found = effect(inside, cr=30)
    assert (percent(found.uplift), value_of(found), found.floored) == (-20.00, -150_000, False)
    factories.settings_of(inside, incremental_floor=True)
    floored = of_campaign(inside, found.campaign, at=AT)
    assert (value_of(floored), floored.floored) == (0, True)


def test_vector_19_without_a_control_group_there_is_a_dash(inside: Org) -> None:
    """M-04, M-20"""
    found = effect(inside, cc=0, cr=0)
    assert (found.uplift, found.lift, found.incremental) == (None, None, None)


def test_vector_20_nobody_responded(inside: Org) -> None:
    """M-20"""
    found = effect(inside, tr=0, ts=0)
    assert (percent(found.uplift), value_of(found)) == (-100.00, 0)


def test_vector_21_nobody_was_contacted(inside: Org) -> None:
    """M-04, M-20"""
    found = effect(inside, tc=0, tr=0, ts=0)
    assert (found.uplift, found.incremental, found.hit_rate) == (None, None, None)


def test_vector_22_no_control_customer_responded(inside: Org) -> None:
    """M-19, M-20"""
    found = effect(inside, cr=0)
    assert (found.uplift, value_of(found)) == (None, 600_000)


@pytest.mark.parametrize(
    ("times", "lift", "low", "high", "value", "value_low", "value_high"),
    [
        (1, 4.00, -0.96, 7.71, 200_000, -14_345, 414_345),
        (10, 4.00, 2.58, 5.29, 2_000_000, 1_322_181, 2_677_819),
    ],
)
def test_vectors_23_and_24_say_how_sure_they_are(
    inside: Org, times: int, lift: float, low: float, high: float, value: int, value_low: int, value_high: int
) -> None:
    """M-29, M-31. Sales are stored in whole units, so the bounds agree to a few units in a million."""
    found = effect(
        inside,
        tc=1000 * times,
        tr=120 * times,
        ts=600_000 * times,
        cc=200 * times,
        cr=16 * times,
        deviation=SPREAD,
    )
    assert found.lift is not None
    assert found.incremental is not None
    assert (percent(found.lift.value), percent(found.lift.low), percent(found.lift.high)) == (lift, low, high)
    assert value_of(found) == value
    assert found.incremental.low == pytest.approx(value_low, abs=20)
    assert found.incremental.high == pytest.approx(value_high, abs=20)
