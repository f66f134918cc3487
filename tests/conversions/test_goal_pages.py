"""The goal panel, the campaign's form that stores it, and the org's default as people meet them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign
from conversions import goals
from conversions.goals import Question
from conversions.models import Goal
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.factories import NOW

pytestmark = pytest.mark.django_db
FORM = {"window_days": "45", "anchor": "clicked", "touch": "first", "revision": "0"}


@pytest.fixture
def campaign(org: Org, marketer: User) -> Campaign:
    with org_context(org.pk):
        return made.campaign(org, marketer)


@pytest.fixture
def console(client: Client, marketer: User) -> Client:
    client.force_login(marketer)
    return client


def address(org: Org, campaign: Campaign | None, rest: str = "") -> str:
    return f"/o/{org.slug}/campaigns/{campaign.pk if campaign else 'new'}/{rest}"


def page(client: Client, where: str) -> str:
    answer = client.get(where)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def stored(org: Org, campaign: Campaign) -> Goal | None:
    with org_context(org.pk):
        return goals.goal_of(campaign)


def save_campaign(client: Client, org: Org, campaign: Campaign | None, **typed: str) -> Any:
    """Post the campaign's form as it stands, with what is typed besides."""
    if campaign is not None:
        with org_context(org.pk):
            newest = Campaign.objects.for_org(org).get(pk=campaign.pk)
        stood = {
            "name": newest.name, "start_on": newest.start_on.isoformat(), "end_on": newest.end_on.isoformat(),
            "revision": newest.revision,
        }  # fmt: skip
        return client.post(
            address(org, campaign, "edit/"), {"objective": "", "control": "10.0"} | stood | typed
        )
    with org_context(org.pk):
        today = made.settings_of(org).today(timezone.now())
    days = {"start_on": today.isoformat(), "end_on": (today + timedelta(days=9)).isoformat()}
    return client.post(
        address(org, None), {"objective": "", "control": "10.0", "owner": "org"} | days | typed
    )


def test_a_goal_saved_in_the_panel_waits_for_save_campaign(
    org: Org, campaign: Campaign, console: Client
) -> None:
    """G-06: kept in the form, of this person only, until the campaign is saved."""
    assert "goal/edit/" in page(console, address(org, campaign, "goal/"))
    answer = console.post(address(org, campaign, "goal/edit/"), FORM)
    assert answer.headers["Location"] == address(org, campaign, "edit/")
    assert stored(org, campaign) is None
    panel = page(console, address(org, campaign, "goal/"))
    assert "within 45 days of a click" in panel
    assert "Kept, not saved yet" in panel
    other = Client()
    other.force_login(factories.member(org, "admin"))
    assert "45 days" not in page(other, address(org, campaign, "goal/"))

    assert save_campaign(console, org, campaign).status_code == 302
    goal = stored(org, campaign)
    assert goal is not None
    assert (goal.window_days, goal.anchor, goal.touch, goal.origin) == (45, "clicked", "first", "custom")
    assert "Kept, not saved yet" not in page(console, address(org, campaign, "goal/"))


def test_leaving_the_goal_form_with_unsaved_changes_warns(
    org: Org, campaign: Campaign, console: Client
) -> None:
    """G-06: by the guard of every form, which the browser tests drive; each goal has its own."""
    assert f'data-guard="goal-{campaign.pk}"' in page(console, address(org, campaign, "goal/edit/"))
    assert 'data-guard="goal-new"' in page(console, address(org, None, "goal/edit/"))


def test_a_kept_goal_can_be_dropped(org: Org, campaign: Campaign, console: Client) -> None:
    """G-06"""
    console.post(address(org, campaign, "goal/edit/"), FORM)
    console.post(address(org, campaign, "goal/edit/"), {"act": "forget"})
    save_campaign(console, org, campaign)
    assert stored(org, campaign) is None


@pytest.mark.parametrize("none", [False, True])
def test_a_new_campaign_begins_with_the_goal_that_its_form_keeps(
    org: Org, console: Client, marketer: User, none: bool
) -> None:
    """G-05, G-06: else with the org's default."""
    with org_context(org.pk):
        admin = factories.member(org, "admin")
        goals.save_default(org, Question([], 30, "sent", "last"), by=admin, at=NOW)
    assert "within 30 days of being sent" in page(console, address(org, None, "goal/"))
    console.post(address(org, None, "goal/edit/"), {"act": "none"} if none else FORM)
    answer = save_campaign(console, org, None, name="With a goal", token="t1")
    assert answer.status_code == 302, answer.context["form"].errors
    with org_context(org.pk):
        goal = goals.goal_of(Campaign.objects.for_org(org).get(name="With a goal"))
    assert (goal.window_days if goal else None) == (None if none else 45)
    assert save_campaign(console, org, None, name="The next one", token="t2").status_code == 302
    with org_context(org.pk):
        following = goals.goal_of(Campaign.objects.for_org(org).get(name="The next one"))
    assert following is not None
    assert (following.window_days, following.origin) == (30, "org_default")


def test_a_goal_that_was_locked_meanwhile_is_not_saved_and_the_campaign_is(
    org: Org, campaign: Campaign, console: Client
) -> None:
    """G-06, G-07: and the person is told."""
    console.post(address(org, campaign, "goal/edit/"), FORM)
    with org_context(org.pk):
        Campaign.objects.for_org(org).filter(pk=campaign.pk).update(first_approved_at=NOW)
    answer = save_campaign(console, org, campaign, description="Said anew")
    assert "The goal was not saved. A message of this campaign was approved" in page(
        console, answer.headers["Location"]
    )
    assert stored(org, campaign) is None
    with org_context(org.pk):
        assert Campaign.objects.for_org(org).get(pk=campaign.pk).description == "Said anew"
    assert console.post(address(org, campaign, "goal/edit/"), FORM).status_code == 422


@pytest.mark.parametrize("with_default", [False, True])
def test_without_a_goal_add_goal_shows_and_with_one_the_menu_until_the_lock(
    org: Org, campaign: Campaign, console: Client, marketer: User, with_default: bool
) -> None:
    """G-05, G-07"""
    with org_context(org.pk):
        if with_default:
            goals.save_default(org, Question([], 30, "sent", "last"), by=marketer, at=NOW)
    html = page(console, address(org, campaign, "goal/"))
    assert "Add goal" in html
    assert "Remove goal" not in html
    with org_context(org.pk):
        goals.save_goal(campaign, Question([], 15, "sent", "last"), by=marketer, at=NOW)
    html = page(console, address(org, campaign, "goal/"))
    assert "Add goal" not in html
    assert "Edit goal" in html
    assert "Remove goal" in html
    assert ("Reset to default" in html) is with_default
    with org_context(org.pk):
        Campaign.objects.for_org(org).filter(pk=campaign.pk).update(first_approved_at=NOW)
    html = page(console, address(org, campaign, "goal/"))
    assert "within 15 days" in html
    assert not {"Edit goal", "Remove goal", "Add goal"} & set(html.split("<"))
    assert "Edit goal" not in html


def test_removing_a_goal_is_asked_once_more(
    org: Org, campaign: Campaign, console: Client, marketer: User
) -> None:
    """G-04, G-05: a GET changes nothing."""
    with org_context(org.pk):
        goals.save_goal(campaign, Question([], 15, "sent", "last"), by=marketer, at=NOW)
    assert "Remove the goal?" in page(console, address(org, campaign, "goal/change/"))
    assert stored(org, campaign) is not None
    console.post(address(org, campaign, "goal/change/"), {"do": "remove"})
    assert stored(org, campaign) is None


def test_the_default_is_added_then_has_a_menu_to_edit_and_remove_it(
    org: Org, client: Client, admin: User
) -> None:
    """G-03, G-04"""
    client.force_login(admin)
    where = f"/o/{org.slug}/settings/goal/"
    assert "Add goal" in page(client, where)
    form = page(client, f"{where}?edit=1")
    assert all(f'<option value="{days}">' in form for days in (15, 30, 45))
    assert all(f'<option value="{anchor}"' in form for anchor in ("sent", "delivered", "opened", "clicked"))
    client.post(where, FORM)
    html = page(client, where)
    assert "within 45 days of a click" in html
    assert "Edit goal" in html
    assert "Add goal" not in html
    assert "Remove the goal?" in page(client, f"{where}remove/")
    assert "within 45 days" in page(client, where)
    client.post(f"{where}remove/")
    assert "Add goal" in page(client, where)


def test_an_unfinished_condition_says_what_is_missing_and_nothing_typed_is_lost(
    org: Org, campaign: Campaign, console: Client
) -> None:
    """G-09, Q-36"""
    rows = {"0.rows": "1", "0.0.field": "net", "0.0.op": "gt", "0.0.value": "", "0.0.exclude": "0"}
    answer = console.post(address(org, campaign, "goal/edit/"), FORM | rows | {"act": "condition:0"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Finish this condition before you add another" in html
    assert 'value="45"' in html
    assert answer.context["editor"].groups[0][0].problem


def test_switched_off_the_goal_is_shown_and_cannot_be_edited(
    org: Org, campaign: Campaign, console: Client, marketer: User
) -> None:
    """G-08, T-22"""
    with org_context(org.pk):
        goals.save_goal(campaign, Question([], 15, "sent", "last"), by=marketer, at=NOW)
        factories.settings_of(org, goals=False)
    html = page(console, address(org, campaign, "goal/"))
    assert "within 15 days of being sent" in html
    assert "read-only and keeps computing" in html
    assert "Edit goal" not in html
    assert console.post(address(org, campaign, "goal/edit/"), FORM).status_code == 422
