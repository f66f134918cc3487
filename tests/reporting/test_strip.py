"""The org's KPI strip: periods, scopes, people and bills counted once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns.models import Campaign
from conversions.attribution import attribute
from engage.orgs import founding
from engage.orgs.access import access_of
from engage.orgs.models import Org, OrgSettings, OrgUnit
from reporting import strip
from reporting.models import Period, StripFigures
from tests import factories
from tests.conversions.stories import Story, utc
from tests.factories import NOW

pytestmark = pytest.mark.django_db
AT = utc(6, 30, "12:00:00")


@pytest.fixture
def story(inside: Org) -> Story:
    factories.settings_of(inside, time_zone="UTC")
    return Story(inside)


@pytest.mark.parametrize(
    ("at", "period", "first"),
    [
        ("2026-06-30T12:00", Period.WEEK, "2026-06-24"),
        ("2026-06-30T12:00", Period.MONTH, "2026-05-30"),
        ("2026-05-31T12:00", Period.QUARTER, "2026-02-28"),
        ("2026-08-31T12:00", Period.HALF, "2026-02-28"),
        ("2026-01-15T12:00", Period.MONTH, "2025-12-15"),
    ],
)
def test_periods_begin_at_midnight_in_org_time(inside: Org, at: str, period: Period, first: str) -> None:
    """M-05"""
    settings = OrgSettings.objects.for_org(inside).get()
    begins = strip.begins(period, datetime.fromisoformat(at).replace(tzinfo=UTC), settings)
    assert begins == datetime.combine(date.fromisoformat(first), datetime.min.time(), settings.zone)


def campaign_with_people(
    story: Story, *, unit: OrgUnit | None = None
) -> tuple[Campaign, list[int], list[int]]:
    """Ten test and ten control customers, sent on 20 June; test 1 to 5 and control 1 bought on 22 June."""
    campaign = story.campaign(goal={"anchor": "sent"})
    if unit:
        Campaign.objects.for_org(story.org).filter(pk=campaign.pk).update(unit=unit)
    run = story.run(campaign, date(2026, 6, 20))
    test, control = story.customers(10), story.customers(10)
    story.deliver(run, test[:9], outcome=2)
    story.deliver(run, test[9:], outcome=3)
    story.hold_out(run, control, at=utc(6, 20, "10:00:00"))
    for customer in [*test[:5], control[0]]:
        story.buy(customer, utc(6, 22), 1000)
    return campaign, test, control


def test_the_numbers_of_a_period(story: Story) -> None:
    """M-11, M-17, M-18, M-26"""
    campaign_with_people(story)
    attribute(story.org.pk, at=AT)
    found = strip.compute(story.org, strip.WHOLE_ORG, Period.MONTH, at=AT)
    assert (found.contacted, found.responders, found.responder_sales, found.converted) == (10, 5, 5000, 5)
    assert strip.delivery_rate(found) == 90
    assert strip.hit_rate(found) == 50
    assert found.incremental == round((5 / 10 - 1 / 10) * 10 * 1000)


def test_rows_outside_the_period_and_responses_to_them_do_not_count(story: Story) -> None:
    """M-26"""
    campaign_with_people(story)
    attribute(story.org.pk, at=AT)
    found = strip.compute(story.org, strip.WHOLE_ORG, Period.WEEK, at=AT)
    assert (found.contacted, found.responders, found.responder_sales) == (0, 0, 0)
    assert strip.hit_rate(found) is None
    assert found.incremental is None


def test_a_customer_of_two_campaigns_and_their_bill_count_once(story: Story) -> None:
    """M-06, M-18, G-18"""
    _, test, _ = campaign_with_people(story)
    second = story.campaign(goal={"anchor": "sent"})
    story.deliver(story.run(second, date(2026, 6, 21)), test, outcome=2)
    attribute(story.org.pk, at=AT)
    found = strip.compute(story.org, strip.WHOLE_ORG, Period.MONTH, at=AT)
    assert (found.contacted, found.responders, found.responder_sales, found.converted) == (10, 5, 5000, 5)
    assert found.without_value == 1


def test_totals_cover_the_members_scope(story: Story) -> None:
    """T-09, M-26"""
    north, south = (founding.add_unit(story.org, name=c, code=c, by=None, at=NOW) for c in ("north", "south"))
    campaign_with_people(story, unit=north)
    campaign_with_people(story)
    person = factories.member(story.org, "analyst", units=[north])
    outsider = factories.member(story.org, "analyst", units=[south])
    attribute(story.org.pk, at=AT)
    assert strip.renew(story.org.pk, at=AT) == 3 * len(Period)
    contacted = {}
    for name, user in (
        ("north", person),
        ("south", outsider),
        ("org", factories.member(story.org, "analyst")),
    ):
        access = access_of(user, story.org)
        assert access is not None
        contacted[name] = strip.read(access, Period.MONTH, at=AT).contacted
    assert contacted == {"north": 10, "south": 0, "org": 20}


def test_scopes_that_nobody_has_any_more_go(story: Story) -> None:
    StripFigures.objects.create(
        org=story.org, scope="999", period="7D", since=AT - timedelta(days=7), until=AT, computed_at=AT
    )
    strip.renew(story.org.pk, at=AT)
    assert not StripFigures.objects.for_org(story.org).filter(scope="999").exists()
