"""A campaign's page as people use it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns import power, wording
from campaigns.models import Campaign, Message
from engage.orgs.models import AuditEntry, Org, OrgUnit, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns.console import address, campaigns_of
from tests.campaigns.factories import Story, campaign, catalogue, message, settings_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def test_the_page_shows_the_facts_and_every_message_with_why_and_what_next(org: Org, client: Client) -> None:
    """C-19, C-54"""
    catalogue(org)
    with org_context(org.pk):
        story = Story(org)
        story.at = at = timezone.now()
        shown = campaign(
            org, story.writer, at=at, name="All of it", description="What it says", objective="visits",
            objective_values={"stores": ["S1"]},
        )  # fmt: skip
        draft, waiting, refused = (message(shown, story.writer, at=at) for _ in range(3))
        story.submit(waiting)
        story.submit(refused)
        story.reject(refused)
    client.force_login(story.admin)
    html = client.get(address(org, f"{shown.pk}/")).content.decode()
    for text in (
        "What it says", "Increase store visits", "Pune Camp", "10 %", "Writer", "Live",
        "Finish it and submit it for approval.", "Waits for someone who may approve it.",
        "Edit it and submit it again.", "100 customers",
        draft.title, f"/campaigns/{shown.pk}/goal/", f"/reports/campaigns/{shown.pk}/",
        f"/campaigns/{shown.pk}/messages/new/", f"/campaigns/{shown.pk}/decide/", "created the campaign",
    ):  # fmt: skip
        assert text in html, text


def test_buttons_follow_rights(org: Org, made: Campaign, client: Client) -> None:
    """C-54, T-12: who may only look is offered nothing else, and is refused by the door as well."""
    client.force_login(factories.member(org, "analyst"))
    html = client.get(address(org, f"{made.pk}/")).content.decode()
    for place in ("edit/", "duplicate/", "archive/", "delete/", "messages/new/"):
        assert f"/campaigns/{made.pk}/{place}" not in html
    for place in ("new/", f"{made.pk}/edit/", f"{made.pk}/delete/"):
        assert client.get(address(org, place)).status_code == 403
    for place in ("new/draft/", f"{made.pk}/duplicate/", f"{made.pk}/archive/"):
        assert client.post(address(org, place)).status_code == 403


def test_a_campaign_outside_the_scope_or_the_org_does_not_exist(
    org: Org, other_org: Org, made: Campaign, client: Client
) -> None:
    """T-11, Q-09"""
    stranger = factories.member(other_org, "admin")
    with org_context(org.pk):
        unit = OrgUnit.objects.create(org=org, name="Verde", code="verde", created_at=NOW)
    narrow = factories.member(org, "marketer", units=[unit])
    for user, at in ((stranger, other_org), (stranger, org), (narrow, org)):
        client.force_login(user)
        for place in ("", "edit/", "delete/"):
            assert client.get(address(at, f"{made.pk}/{place}")).status_code == 404
        assert client.post(address(at, f"{made.pk}/duplicate/")).status_code == 404


def test_one_message_and_twelve_cost_the_same_queries(
    org: Org, made: Campaign, writer: User, client: Client
) -> None:
    """Q-34"""

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(address(org, f"{made.pk}/"))
        return len(captured)

    with org_context(org.pk):
        message(made, writer, at=timezone.now())
    queries()
    few = queries()
    with org_context(org.pk):
        for _ in range(11):
            message(made, writer, at=timezone.now())
    assert queries() == few


def test_a_duplicate_is_made_once_a_press_and_opens_in_its_form(
    org: Org, made: Campaign, writer: User, client: Client
) -> None:
    """C-09"""
    with org_context(org.pk):
        message(made, writer, at=timezone.now(), title="Hello")
    answers = [client.post(address(org, f"{made.pk}/duplicate/"), {"token": "t"}) for _ in range(2)]
    _, copy = campaigns_of(org)
    assert {answer.headers["Location"] for answer in answers} == {address(org, f"{copy.pk}/edit/")}
    assert copy.name == "Diwali gold (copy)"
    with org_context(org.pk):
        assert Message.objects.for_org(org).filter(campaign=copy).get().title == "Hello"


def test_a_lapsed_campaign_is_archived_and_taken_back(org: Org, made: Campaign, client: Client) -> None:
    """C-08"""
    put_away = address(org, f"{made.pk}/archive/")
    answer = client.post(put_away, follow=True)
    assert "can be archived once it has lapsed" in answer.content.decode()
    with org_context(org.pk):
        past = made.start_on - timedelta(days=9)
        Campaign.objects.for_org(org).update(start_on=past, end_on=past)
    assert "is archived" in client.post(put_away, follow=True).content.decode()
    assert campaigns_of(org)[0].archived_at is not None
    client.post(put_away, {"do": "restore"})
    assert campaigns_of(org)[0].archived_at is None


def test_deleting_asks_first_and_goes_only_before_an_approval(
    org: Org, made: Campaign, client: Client
) -> None:
    """C-08"""
    delete = address(org, f"{made.pk}/delete/")
    assert "deleted for good" in client.get(delete).content.decode()
    assert len(campaigns_of(org)) == 1
    with org_context(org.pk):
        Campaign.objects.for_org(org).update(first_approved_at=timezone.now())
    answer = client.post(delete)
    assert answer.status_code == 409
    assert "can only be archived" in answer.content.decode()
    with org_context(org.pk):
        Campaign.objects.for_org(org).update(first_approved_at=None)
    assert client.post(delete).headers["Location"] == address(org)
    assert campaigns_of(org) == []
    with org_context(org.pk):
        assert AuditEntry.objects.for_org(org).filter(action="campaign.deleted").count() == 1


def test_every_state_of_a_message_says_why_and_what_is_next(inside: Org) -> None:
    """C-19"""
    story = Story(inside)
    for status in Message.Status:
        it = story.to(status)
        said = wording.why(it, it.campaign, settings_of(inside), at=story.at)
        assert said.endswith((".", "…")) and len(said) > 15, status
        assert status in wording.LOOKS


def test_a_campaign_made_by_the_demo_says_so(org: Org, made: Campaign, client: Client) -> None:
    """Decisions 27"""
    with org_context(org.pk):
        Campaign.objects.for_org(org).update(simulated=True)
    assert "Simulated" in client.get(address(org, f"{made.pk}/")).content.decode()
    assert "simulated" in client.get(address(org)).content.decode()


def test_the_smallest_detectable_lift_is_worked_out_as_specified() -> None:
    """M-35"""
    assert round(power.smallest_lift(9000, 1000, 0.05) or 0, 2) == 2.04
    assert power.smallest_lift(9000, 0, 0.05) is None
