"""The builder as a form: every press posts it whole, and nothing that was typed is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from audiences.models import Audience, FilterDraft
from campaigns.models import MessageAudience
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.audiences.factories import customer
from tests.campaigns import factories as made

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(org: Org, client: Client) -> User:
    """Signed in, in an org with two customers of Pune and one of Goa."""
    person = factories.member(org, "marketer")
    client.force_login(person)
    with org_context(org.pk):
        for city in ("Pune", "Pune", "Goa"):
            customer(org, city=city)
    return person


def form(*conditions: dict[str, str], **more: str) -> dict[str, Any]:
    """A posted builder of one group: each condition's fields by what follows its name."""
    data: dict[str, Any] = {"name": "Punekars", "token": "t1", "node": ["b0:g"], "b0.match": "all"} | more
    for at, fields in enumerate(conditions):
        data["node"].append(f"b0-{at}:c")
        data |= {f"b0-{at}.{name}": value for name, value in fields.items()}
    return data


CITY = {"field": "city", "op": "is", "value": "Pune"}


def new(org: Org) -> str:
    return f"/o/{org.slug}/audiences/new/"


def the_audience(org: Org) -> Audience:
    with org_context(org.pk):
        return Audience.objects.for_org(org).select_related("current").get()


def test_a_filter_is_built_counted_and_saved_without_scripts(
    org: Org, client: Client, marketer: User
) -> None:
    """A-31, A-32, A-36"""
    page = client.post(new(org), form({"field": "city"}, act="focus:b0-0")).content.decode()
    assert 'name="b0-0.op"' in page
    page = client.post(new(org), form(CITY, act="keep")).content.decode()
    assert "All customers where city is Pune." in page
    assert re.search(r'class="big num">\s*2\s*<', page)
    assert "Exact" in page
    client.post(new(org), form(CITY, act="save"))
    audience = the_audience(org)
    assert (audience.name, audience.current.number, audience.current.size) == ("Punekars", 1, 2)


def test_save_pressed_too_early_says_what_is_missing_and_moves_there(
    org: Org, client: Client, marketer: User
) -> None:
    """A-34"""
    answer = client.post(
        new(org), form(CITY, {"field": "city", "op": "is", "value": ""}, name="", act="save")
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Give the audience a name." in page
    assert re.search(r'<input id="name"[^>]* autofocus', page)
    page = client.post(
        new(org), form(CITY, {"field": "city", "op": "is", "value": ""}, act="save")
    ).content.decode()
    assert "Type a value." in page
    assert re.search(r'<input id="b0-1-value"[^>]*aria-describedby="b0-1-problem"[^>]* autofocus', page)
    page = client.post(new(org), form(act="save")).content.decode()
    assert re.search(r'<button[^>]*id="b0-add-condition"[^>]* autofocus', page)
    with org_context(org.pk):
        assert not Audience.objects.for_org(org).exists()


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"field": "amount", "op": "gte", "value": "lots"}, 'value="lots"'),
        ({"field": "amount", "op": "gte", "value": "1,000.50"}, 'value="1000.5"'),
        ({"field": "city", "op": "is", "value": '"><script>'}, 'value="&quot;&gt;&lt;script&gt;"'),
        ({"field": "birthday", "op": "between", "value.from": "2026-99-99", "value.to": ""}, "2026-99-99"),
        ({"field": "no_such_field", "op": "is", "value": "x"}, "Choose a field"),
        ({"field": "audience", "op": "any_of", "value": "999999"}, "999999"),
        ({"field": "home_store", "op": "any_of", "value": "S-404"}, "S-404"),
    ],
)
def test_nonsense_stays_where_it_was_typed(
    org: Org, client: Client, marketer: User, fields: dict[str, str], shown: str
) -> None:
    """A-34, Q-36"""
    answer = client.post(new(org), form(fields, act="keep"))
    assert answer.status_code == 200
    assert shown in answer.content.decode()


def test_what_is_unfinished_is_said_once_something_was_begun(
    org: Org, client: Client, marketer: User
) -> None:
    """A-34"""
    note = "Some conditions are not complete."
    assert note not in client.get(new(org)).content.decode()
    begun = client.post(new(org), form(CITY | {"value": ""}, act="keep"))
    assert note in begun.content.decode()


def test_what_was_left_unfinished_is_there_again_and_a_change_can_be_undone(
    org: Org, client: Client, marketer: User
) -> None:
    """Q-36"""
    client.post(new(org), form(CITY, act="keep"))
    client.post(new(org), form(CITY | {"value": "Goa"}, act="keep"))
    assert 'value="Goa"' in client.get(new(org)).content.decode()
    undone = client.post(new(org), form(CITY | {"value": "Goa"}, act="undo")).content.decode()
    assert 'value="Pune"' in undone
    assert 'value="Pune"' in client.get(new(org)).content.decode()
    again = client.post(new(org), form(CITY, act="undo")).content.decode()
    assert 'value="undo"' not in again  # the beginning
    other = factories.member(org, "marketer")
    client.force_login(other)
    assert "Pune" not in client.get(new(org)).content.decode()


def test_save_pressed_twice_makes_one_audience(org: Org, client: Client, marketer: User) -> None:
    """Q-36"""
    for _press in range(2):
        assert client.post(new(org), form(CITY, act="save")).status_code == 302
    assert the_audience(org).name == "Punekars"


def test_an_edit_makes_a_new_version_and_a_stale_one_shows_both(
    org: Org, client: Client, marketer: User
) -> None:
    """A-43, Q-36"""
    client.post(new(org), form(CITY, act="save"))
    first = the_audience(org)
    edit = f"/o/{org.slug}/audiences/{first.pk}/edit/"
    goa = form(CITY | {"value": "Goa"}, name="Goans", revision="1", act="save")
    assert client.post(edit, goa).status_code == 302
    audience = the_audience(org)
    assert (audience.name, audience.current.number, audience.current.size) == ("Goans", 2, 1)
    answer = client.post(edit, form(CITY | {"value": "Nashik"}, revision="1", act="save"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "city is Goa" in page
    assert "city is Nashik" in page
    mine = form(CITY | {"value": "Nashik"}, revision=re.findall(r'name="revision" value="(\d+)"', page)[0])
    client.post(edit, mine | {"act": "save"})
    assert the_audience(org).current.number == 3
    with org_context(org.pk):
        assert not FilterDraft.objects.for_org(org).filter(audience=audience).exists()


def test_who_edits_a_used_audience_may_move_each_message_to_the_new_version(
    org: Org, client: Client, marketer: User
) -> None:
    """A-43"""
    with org_context(org.pk):
        message = made.Story(org).to("awaiting")
        audience = MessageAudience.objects.for_org(org).get(message=message).audience
    page = f"/o/{org.slug}/audiences/{audience.pk}/"
    told = client.post(f"{page}edit/", form(CITY, revision="1", act="save"), follow=True).content.decode()
    assert f"can be moved below: {message.title}" in told
    assert "Back to Draft, with version 2" in told
    move = re.findall(r'action="([^"]*/messages/\d+/[^"]*)"', told)[0]
    client.post(move, {"do": "edit"})
    with org_context(org.pk):
        message.refresh_from_db()
        assert message.status == "draft"
    assert "the current one" in client.get(page).content.decode()


def test_a_filter_is_duplicated_once_and_what_nobody_uses_can_be_deleted(
    org: Org, client: Client, marketer: User
) -> None:
    """A-45"""
    client.post(new(org), form(CITY, act="save"))
    first = the_audience(org)
    for _press in range(2):
        client.post(f"/o/{org.slug}/audiences/{first.pk}/duplicate/", {"name": "Punekars (copy)"})
    with org_context(org.pk):
        copy = Audience.objects.for_org(org).select_related("current").exclude(pk=first.pk).get()
        assert copy.current.digest == first.current.digest
    client.post(f"/o/{org.slug}/audiences/{copy.pk}/archive/", {"do": "delete"})
    assert the_audience(org).pk == first.pk
