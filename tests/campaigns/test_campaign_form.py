"""A campaign's form as people use it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign, FormDraft, Message, Objective
from campaigns.objectives import HELP
from engage.orgs.models import Org, OrgUnit, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns.console import address, campaigns_of
from tests.campaigns.factories import Story, campaign, catalogue, message, settings_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def fields(org: Org, **changes: Any) -> dict[str, Any]:
    """What the form of a new campaign posts."""
    with org_context(org.pk):
        today = settings_of(org).today(timezone.now())
    return {
        "name": "Winter drop",
        "description": "New coats",
        "start_on": today.isoformat(),
        "end_on": (today + timedelta(days=9)).isoformat(),
        "objective": "",
        "control": "10.0",
        "token": "t0",
    } | changes


def edited(org: Org, of: Campaign, **changes: Any) -> dict[str, Any]:
    stored = {"name": of.name, "start_on": of.start_on.isoformat(), "end_on": of.end_on.isoformat()}
    return fields(org, **{"description": of.description, "revision": of.revision} | stored | changes)


def test_saving_the_form_makes_a_campaign_of_the_org(org: Org, writer: User, client: Client) -> None:
    """C-01, C-05, T-03, T-25"""
    answer = client.post(
        address(org, "new/"),
        fields(
            org, objective="sales", own_control="on", control="12.5", analytics="on",
            analytics_campaign="winter", analytics_source="engage",
        ),
    )  # fmt: skip
    (saved,) = campaigns_of(org)
    assert answer.headers["Location"] == address(org, f"{saved.pk}/")
    assert (saved.name, saved.description, saved.objective, saved.unit_id) == (
        "Winter drop", "New coats", "sales", None,
    )  # fmt: skip
    assert (saved.own_control, saved.control_permille) == (True, 125)
    assert (saved.analytics_campaign, saved.analytics_source) == ("winter", "engage")
    assert saved.created_by == writer


def test_without_a_share_of_its_own_a_campaign_has_the_orgs(org: Org, writer: User, client: Client) -> None:
    """C-05, T-25: what stands in the number does not count while the box is not ticked."""
    client.post(address(org, "new/"), fields(org, control="44"))
    (saved,) = campaigns_of(org)
    assert (saved.own_control, saved.control_permille) == (False, 100)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"description": "x" * 501}, "at most 500 characters"),
        ({"start_on": "2020-01-01"}, "Start today or later."),
        ({"end_on": "2020-01-01"}, "End on the start date or after it."),
        ({"end_on": "2099-01-01"}, "End at most 2 years after the start."),
        ({"own_control": "on", "control": "50.5"}, "less than or equal to 50"),
        ({"own_control": "on", "control": "1.25"}, "no more than 1 decimal"),
        ({"own_control": "on", "control": ""}, "Set the share"),
        ({"analytics": "on"}, "untick web analytics"),
        ({"objective": "products"}, "Choose at least one value: categories or item codes."),
        ({"objective": "visits", "pick": ["stores:gone"]}, "No longer in the catalogue: gone."),
        ({"objective": "world_peace"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_saved_is_said_beside_its_field_and_nothing_typed_is_lost(
    org: Org, writer: User, client: Client, changes: dict[str, Any], said: str
) -> None:
    """C-01, C-02, C-04, C-05, Q-29, Q-36"""
    posted = fields(org) | {"description": "Kept words"} | changes
    answer = client.post(address(org, "new/"), posted)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert said in html and 'id="form-errors"' in html
    assert "Kept words" in html or "description" in changes
    assert campaigns_of(org) == []


def test_every_objective_is_shown_with_its_line_of_help(org: Org, writer: User, client: Client) -> None:
    """C-03"""
    html = client.get(address(org, "new/")).content.decode()
    assert len(HELP) == len(Objective.choices) == 9
    for value, label in Objective.choices:
        assert label in html and HELP[value] in html


@pytest.mark.parametrize(
    ("objective", "picks", "stored"),
    [
        ("products", ["items:SKU-1", "categories:food>frozen"], {"categories": ["food>frozen"], "items": ["SKU-1"]}),
        ("visits", ["stores:S1", "zones:north"], {"zones": ["north"], "stores": ["S1"]}),
        ("sales", ["stores:S1"], {}),
    ],
)  # fmt: skip
def test_picked_values_are_stored_with_the_objective_that_names_them(
    org: Org, writer: User, client: Client, objective: str, picks: list[str], stored: dict[str, list[str]]
) -> None:
    """C-04"""
    catalogue(org)
    client.post(address(org, "new/"), fields(org, objective=objective, pick=picks))
    (saved,) = campaigns_of(org)
    assert saved.objective_values == stored
    html = client.get(address(org, f"{saved.pk}/")).content.decode()
    assert ("Frozen" in html) == (objective == "products")
    assert ("Pune Camp" in html) == (objective == "visits")


def test_the_picker_searches_and_keeps_what_was_ticked(org: Org, writer: User, client: Client) -> None:
    """C-04, Q-30: also without scripts, by a button of the same form."""
    catalogue(org)
    posted = fields(
        org, objective="products", pick=["categories:food"], find="categories", find_categories="froz"
    )
    answer = client.post(address(org, "new/"), posted)
    html = answer.content.decode()
    assert answer.status_code == 200 and "form-errors" not in html
    assert 'value="categories:food" checked' in html
    assert 'value="categories:food&gt;frozen">' in html
    assert campaigns_of(org) == []


def test_who_may_act_for_several_owners_picks_one(org: Org, writer: User, client: Client) -> None:
    """T-03, T-08: Org scope may pick the org or any unit, one unit has no picker, and nobody goes beyond."""
    with org_context(org.pk):
        north, south = (
            OrgUnit.objects.create(org=org, name=name, code=name.lower(), created_at=NOW)
            for name in ("North", "South")
        )
    html = client.get(address(org, "new/")).content.decode()
    assert f'<option value="{south.pk}">South</option>' in html
    client.post(address(org, "new/"), fields(org, owner=str(south.pk)))
    (saved,) = campaigns_of(org)
    assert saved.unit_id == south.pk

    client.force_login(factories.member(org, "marketer", units=[north]))
    assert 'name="owner"' not in client.get(address(org, "new/")).content.decode()
    client.post(address(org, "new/"), fields(org, owner=str(south.pk), token="t1"))
    assert campaigns_of(org)[-1].unit_id == north.pk

    client.force_login(factories.member(org, "marketer", units=[north, south]))
    html = client.get(address(org, "new/")).content.decode()
    assert 'name="owner"' in html and 'value="org"' not in html
    answer = client.post(address(org, "new/"), fields(org, owner="org", token="t2"))
    assert answer.status_code == 422


def test_an_owner_never_changes(org: Org, made: Campaign, client: Client) -> None:
    """T-03, C-06"""
    with org_context(org.pk):
        unit = OrgUnit.objects.create(org=org, name="Verde", code="verde", created_at=NOW)
    client.post(address(org, f"{made.pk}/edit/"), edited(org, made, owner=str(unit.pk), name="Other"))
    (saved,) = campaigns_of(org)
    assert (saved.name, saved.unit_id) == ("Other", None)


def test_a_name_used_twice_by_one_owner_draws_a_warning(org: Org, made: Campaign, client: Client) -> None:
    """C-08: a warning, not a refusal."""
    kept = client.post(
        address(org, "new/draft/"), fields(org, name="diwali GOLD"), headers={"HX-Request": "true"}
    )
    assert "Another campaign of this owner has this name" in kept.content.decode()
    answer = client.post(address(org, "new/"), fields(org, name="Diwali gold"), follow=True)
    assert "Another campaign of this owner is called" in answer.content.decode()
    answer = client.post(address(org, "new/"), fields(org, name="Its own", token="t9"), follow=True)
    assert "Another campaign of this owner is called" not in answer.content.decode()
    assert len(campaigns_of(org)) == 3


def test_a_new_campaign_pressed_twice_is_made_once(org: Org, writer: User, client: Client) -> None:
    """Q-36: double submits are safe."""
    first = client.post(address(org, "new/"), fields(org))
    second = client.post(address(org, "new/"), fields(org))
    assert first.headers["Location"] == second.headers["Location"]
    assert len(campaigns_of(org)) == 1
    client.post(address(org, "new/"), fields(org, token="another"))
    assert len(campaigns_of(org)) == 2


def test_what_is_typed_keeps_itself_until_it_is_saved(org: Org, writer: User, client: Client) -> None:
    """C-01, Q-36"""
    kept = client.post(
        address(org, "new/draft/"), fields(org, name="Half typed", objective="retention"),
        headers={"HX-Request": "true"},
    )  # fmt: skip
    assert 'id="saved"' in kept.content.decode() and "hx-swap-oob" in kept.content.decode()
    assert campaigns_of(org) == []
    html = client.get(address(org, "new/")).content.decode()
    assert "Your draft is back." in html and 'value="Half typed"' in html
    assert 'value="retention" checked' in html
    client.post(address(org, "new/"), fields(org, name="Half typed"))
    assert "Your draft is back." not in client.get(address(org, "new/")).content.decode()


def test_a_draft_that_arrives_after_its_save_is_not_kept(org: Org, made: Campaign, client: Client) -> None:
    """C-01: the last keystroke's answer may come late."""
    client.post(address(org, "new/"), fields(org))
    client.post(address(org, "new/draft/"), fields(org))
    client.post(address(org, f"{made.pk}/edit/draft/"), edited(org, made))
    with org_context(org.pk):
        assert not FormDraft.objects.for_org(org).filter(form__startswith="campaign:").exists()


def test_a_draft_is_its_writers_own_and_can_be_thrown_away(
    org: Org, made: Campaign, client: Client, writer: User
) -> None:
    """C-01"""
    edit, draft = address(org, f"{made.pk}/edit/"), address(org, f"{made.pk}/edit/draft/")
    client.post(draft, edited(org, made, name="Mine, unsaved"))
    client.force_login(factories.member(org, "marketer"))
    assert "Mine, unsaved" not in client.get(edit).content.decode()
    client.force_login(writer)
    assert "Mine, unsaved" in client.get(edit).content.decode()
    assert client.post(draft, {"forget": "1"}).headers["Location"] == edit
    assert "Mine, unsaved" not in client.get(edit).content.decode()


def test_a_save_over_a_newer_version_is_refused_and_shows_both(
    org: Org, made: Campaign, client: Client
) -> None:
    """C-18"""
    edit = address(org, f"{made.pk}/edit/")
    client.post(edit, edited(org, made, description="Theirs"))
    answer = client.post(edit, edited(org, made, description="Mine", name="Diwali silver"))
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "Theirs" in html and "Mine" in html and "Diwali silver" in html
    assert campaigns_of(org)[0].description == "Theirs"
    newest = campaigns_of(org)[0].revision
    assert f'name="revision" value="{newest}"' in html
    client.post(edit, edited(org, made, description="Mine", revision=newest))
    assert campaigns_of(org)[0].description == "Mine"


def test_the_same_change_saved_twice_is_no_conflict(org: Org, made: Campaign, client: Client) -> None:
    """C-18"""
    edit, posted = address(org, f"{made.pk}/edit/"), edited(org, made, description="Once")
    assert client.post(edit, posted).status_code == 302
    assert client.post(edit, posted).status_code == 302


def test_after_an_approval_locked_fields_are_shown_with_the_reason(org: Org, client: Client) -> None:
    """C-06"""
    with org_context(org.pk):
        story = Story(org)
        story.at = timezone.now()
        approved = campaign(org, story.writer, at=story.at, name="Fixed", objective="sales")
        it = message(approved, story.writer, at=story.at)
        story.submit(it)
        story.approve(Message.objects.for_org(org).get(pk=it.pk))
    client.force_login(story.writer)
    edit = address(org, f"{approved.pk}/edit/")
    html = client.get(edit).content.decode()
    assert html.count("Locked, because a message of this campaign was approved.") >= 4
    with org_context(org.pk):
        current = Campaign.objects.for_org(org).get()
    later = current.end_on + timedelta(days=1)
    changes = {
        "name": "Renamed",
        "objective": "greetings",
        "description": "Free",
        "end_on": later.isoformat(),
    }
    assert client.post(edit, edited(org, current, **changes)).status_code == 302
    (saved,) = campaigns_of(org)
    assert (saved.name, saved.objective, saved.description) == ("Fixed", "sales", "Free")
    assert saved.end_on == later
    earlier = edited(org, saved, end_on=current.end_on.isoformat())
    answer = client.post(edit, earlier)
    assert answer.status_code == 422
    assert "the end date can only be moved later" in answer.content.decode()


def test_the_form_says_what_a_control_share_can_show(org: Org, writer: User, client: Client) -> None:
    """M-35, C-05"""
    assert "the smallest lift that shows is 2.04 points" in client.get(address(org, "new/")).content.decode()
    none = client.post(address(org, "new/draft/"), fields(org, own_control="on", control="0"))
    assert "Nobody is held out" in none.content.decode()
