"""Reports as people see them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audiences.models import Customer
from campaigns.models import Campaign, Run
from conversions.attribution import attribute
from conversions.models import CampaignCustomer, Progress
from engage.orgs import formatting, founding
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from reporting import strip
from tests import factories
from tests.conversions.stories import Story, utc
from tests.factories import NOW
from tests.reporting import seasons

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(org: Org) -> Campaign:
    """A finished campaign with both groups, 5 of 9 test customers bought, and its tally."""
    with org_context(org.pk):
        return seasons.finished(org)[0]


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


@pytest.mark.parametrize(
    ("address", "minutes"),
    [("campaigns/{pk}/", 3), ("", 3), ("campaigns/{pk}/customers/contacted/", 3), ("strip/?period=6M", 5)],
)
def test_figures_say_as_of_when_when_next_and_which_purchases_they_know(
    org: Org, campaign: Campaign, client: Client, address: str, minutes: int
) -> None:
    """M-07, M-26"""
    now = timezone.now()
    with org_context(org.pk):
        Progress.objects.for_org(org).update(ran_at=now)
        strip.compute(org, strip.WHOLE_ORG, "6M", at=now)
        settings = OrgSettings.objects.for_org(org).get()
    where = f"/o/{org.slug}/reports/" + address.format(pk=campaign.pk)
    html = page(client, factories.member(org, "admin"), where)
    fresh = html.split("as of")[1].split("</p>")[0]
    derived, following = fresh.split("next refresh")
    assert formatting.clock(now, settings) in derived
    assert formatting.clock(now + timedelta(minutes=minutes), settings) in following
    assert "transactions up to" in fresh
    assert "These figures are late." not in html


def test_figures_that_are_late_say_so(org: Org, campaign: Campaign, client: Client) -> None:
    """M-07, Q-35"""
    with org_context(org.pk):
        Progress.objects.for_org(org).update(ran_at=timezone.now() - timedelta(minutes=16))
    html = page(client, factories.member(org, "analyst"), f"/o/{org.slug}/reports/campaigns/{campaign.pk}/")
    assert "These figures are late." in html


@pytest.mark.parametrize(
    ("lost", "warns"),
    [([(2, 0, 0, 20)], False), ([(2, 0, 0, 11), (3, 0, 0, 10)], True), ([(2, 0, 1, 300)], False)],
)
def test_more_than_2_percent_of_test_rows_lost_warns(
    org: Org, client: Client, lost: list[tuple[int, int, int, int]], warns: bool
) -> None:
    """M-34: Failed and Unconfirmed rows of 1,000 test rows; control's do not matter."""
    with org_context(org.pk):
        story = Story(org)
        campaign = story.campaign()
        seasons.tally(org, story.run(campaign), [(0, 0, 0, 1000), (0, 0, 1, 500), *lost])
    html = page(client, factories.member(org, "analyst"), f"/o/{org.slug}/reports/campaigns/{campaign.pk}/")
    assert ("Test lost customers whom control kept: 2.10%" in html.replace("\u00a0", "")) is warns


def test_the_funnel_goes_from_matched_to_delivered(org: Org, client: Client) -> None:
    """M-36"""
    with org_context(org.pk):
        campaign, run = seasons.finished(org, [(0, 0, 0, 12), (1, 2, 0, 7), (1, 3, 0, 2), (2, 0, 0, 3)])
        Run.objects.for_org(org).filter(pk=run.pk).update(
            frozen_at=utc(6, 5), matched=14, excluded=2, targeted_customers=12
        )
    html = page(client, factories.member(org, "analyst"), f"/o/{org.slug}/reports/campaigns/{campaign.pk}/")
    funnel = html.split("From matched to delivered")[1].split("</ol>")[0]
    steps = [
        "Matched",
        "In an excluded audience",
        "Targeted",
        "To send",
        "Failed",
        "Sent",
        "Not delivered",
        "Delivered",
    ]
    places = [funnel.index(f">{step}<") for step in [*steps, "Delivered"]]
    assert places == sorted(places)


def test_a_number_opens_its_customers_for_those_who_may_see_them(
    org: Org, campaign: Campaign, client: Client
) -> None:
    """M-36, T-12"""
    with org_context(org.pk):
        people = list(CampaignCustomer.objects.for_org(org).filter(campaign_id=campaign.pk))
        bought = {
            Customer.objects.for_org(org).get(id=p.customer_id).external_id for p in people if p.responses
        }
        others = {
            Customer.objects.for_org(org).get(id=p.customer_id).external_id for p in people if not p.responses
        }
    report = f"/o/{org.slug}/reports/campaigns/{campaign.pk}/"
    admin, analyst = factories.member(org, "admin"), factories.member(org, "analyst")
    assert f"{report}customers/responders/" in page(client, admin, report)
    shown = page(client, admin, f"{report}customers/responders/")
    assert len(bought) == 5
    assert all(f">{number}<" in shown for number in bought)
    assert not any(f">{number}<" in shown for number in others)
    assert f"{report}customers/" not in page(client, analyst, report)
    assert client.get(f"{report}customers/responders/").status_code == 403


def test_control_customers_really_sent_to_are_shown_apart(org: Org, client: Client) -> None:
    """G-22, M-24"""
    with org_context(org.pk):
        factories.settings_of(org, time_zone="UTC")
        story = Story(org)
        campaign = story.campaign(goal={"anchor": "sent"})
        run = story.run(campaign)
        test, control = story.customers(3), story.customers(2)
        story.deliver(run, test)
        story.deliver(run, control, arm=1)
        for customer in (test[0], control[0]):
            story.buy(customer, utc(6, 5), 70_000)
        attribute(org.pk, at=utc(7, 1))
    html = page(client, factories.member(org, "analyst"), f"/o/{org.slug}/reports/campaigns/{campaign.pk}/")
    assert "Control contaminated" in html
    assert "2 control customers were really sent to and belong to neither group." in html
    assert "Of them converted: 1" in html
    assert "no control group" in html


@pytest.mark.parametrize(
    "address",
    ["campaigns/{pk}/", "messages/{message}/", "", "campaign-numbers/?ids={pk}", "strip/?period=6M"],
)
def test_wherever_a_made_up_control_group_gives_a_figure_the_page_says_so(
    org: Org, campaign: Campaign, client: Client, address: str
) -> None:
    """Issue 2 point 10, decisions 27"""
    analyst = factories.member(org, "analyst")
    with org_context(org.pk):
        run = Run.objects.for_org(org).get(campaign=campaign)
    where = f"/o/{org.slug}/reports/" + address.format(pk=campaign.pk, message=run.message_id)
    assert "simulated control group" not in page(client, analyst, where, **{"HX-Request": "true"}).lower()
    with org_context(org.pk):
        today = timezone.localdate()
        Campaign.objects.for_org(org).filter(pk=campaign.pk).update(simulated=True)
        Run.objects.for_org(org).filter(pk=run.pk).update(simulated=True, run_on=today)
    assert "simulated control group" in page(client, analyst, where, **{"HX-Request": "true"}).lower()
