"""Reports as people see them."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client

from campaigns.models import Campaign, Tally
from conversions.attribution import attribute
from engage.orgs import founding
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.conversions.stories import Story, utc
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(org: Org) -> Campaign:
    """A finished campaign with both groups, 5 of 9 test customers bought, and its tally."""
    with org_context(org.pk):
        factories.settings_of(org, time_zone="UTC")
        story = Story(org)
        campaign = story.campaign(goal={"anchor": "sent"})
        run = story.run(campaign, date(2026, 6, 5))
        test, control = story.customers(9), story.customers(3)
        story.deliver(run, test, outcome=2)
        story.hold_out(run, control, at=utc(6, 5, "10:00:00"))
        for customer in test[:5]:
            story.buy(customer, utc(6, 8), 250_000)
        for number, (state, outcome, arm, n) in enumerate(
            [(0, 0, 0, 9), (0, 0, 1, 3), (1, 2, 0, 9), (5, 0, 1, 3)]
        ):
            Tally(
                org=org, run_id=run.pk, id=number, slot=0, channel="email", variant=0, arm=arm, state=state,
                outcome=outcome, n=n,
            ).save(force_insert=True)  # fmt: skip
        attribute(org.pk, at=utc(7, 1))
    return campaign


def page(client: Client, user: User, address: str, **headers: str) -> str:
    client.force_login(user)
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_a_campaign_report_shows_verdict_summary_and_both_groups(
    org: Org, campaign: Campaign, client: Client
) -> None:
    """M-25, M-32, M-36"""
    html = page(client, factories.member(org, "analyst"), f"/o/{org.slug}/reports/campaigns/{campaign.pk}/")
    assert "Too early to tell" in html
    assert "55.56%" in html or "55.56 %" in html
    assert "Test against control" in html
    assert html.count("matched = excluded + outside the unit + targeted customers") == 1


def test_every_number_opens_its_definition(org: Org, campaign: Campaign, client: Client) -> None:
    """M-01"""
    html = page(client, factories.member(org, "analyst"), f"/o/{org.slug}/reports/campaigns/{campaign.pk}/")
    assert "Rows that the provider accepted." in html
    assert "Contacted test customers" in html


def test_what_does_not_apply_is_a_dash(org: Org, client: Client) -> None:
    """M-04"""
    with org_context(org.pk):
        empty = Story(org).campaign()
    html = page(client, factories.member(org, "analyst"), f"/o/{org.slug}/reports/campaigns/{empty.pk}/")
    assert "—" in html
    assert "0.00" not in html.split("Test against control")[1].split("</dl>")[0]


def test_the_strip_and_the_list_show_the_same_numbers_as_the_report(
    org: Org, campaign: Campaign, client: Client
) -> None:
    """M-27, 11"""
    analyst = factories.member(org, "analyst")
    listed = page(
        client,
        analyst,
        f"/o/{org.slug}/reports/campaign-numbers/?ids={campaign.pk}",
        **{"HX-Request": "true"},
    )
    report = page(client, analyst, f"/o/{org.slug}/reports/campaigns/{campaign.pk}/")
    table = page(client, analyst, f"/o/{org.slug}/reports/")
    for html in (listed, report, table):
        assert "55.56" in html
        assert "100.00" in html


def test_a_unit_member_sees_only_the_reports_of_their_units(
    org: Org, campaign: Campaign, client: Client
) -> None:
    """T-09, T-11"""
    with org_context(org.pk):
        north = founding.add_unit(org, name="North", code="north", by=None, at=NOW)
    client.force_login(factories.member(org, "analyst", units=[north]))
    assert client.get(f"/o/{org.slug}/reports/campaigns/{campaign.pk}/").status_code == 404
    assert campaign.name not in client.get(f"/o/{org.slug}/reports/").content.decode()
    assert "Totals of the units in your scope" in client.get(f"/o/{org.slug}/reports/strip/").content.decode()


def test_the_strip_says_as_of_when(org: Org, campaign: Campaign, client: Client) -> None:
    """M-07, M-26"""
    html = page(client, factories.member(org, "analyst"), f"/o/{org.slug}/reports/strip/?period=6M")
    assert "As of" in html
    assert "transactions up to" in html
    assert html.count('class="kpi') >= 7
