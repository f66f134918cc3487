"""A form sent twice makes one thing, Back shows what was saved, and a stale form is refused and loses nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from audiences.models import Audience
from campaigns.models import Campaign, Message, TestContact
from engage.orgs.models import ApiKey, Invitation, Org, OrgUnit, Role, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.browser.conftest import Watch
from tests.campaigns import factories as made
from tests.local.carriers import until

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class New:
    """A form that makes something: its page, its button, what it makes, and what is typed."""

    place: str
    button: str
    makes: Any
    typed: dict[str, str]
    ticks: bool = False
    first: str = ""  # a button to press before


WEEK = (timezone.now() + timedelta(days=7)).date().isoformat()
FORMS = [
    New("campaigns/new/", "Save campaign", Campaign, {"Name": "Twice", "End date": WEEK}),
    New("audiences/new/", "Save audience", Audience, {"Name": "Twice"}, first="Remove group"),
    New("settings/roles/new/", "Save role", Role, {"Name": "Twice"}, ticks=True),
    New("settings/units/new/", "Save unit", OrgUnit, {"Name": "Twice", "Code": "twice"}),
    New("settings/keys/", "Create key", ApiKey, {"Name": "Twice"}, ticks=True),
    New("settings/test-contacts/", "Add", TestContact, {"Name": "Twice", "Address": "two@example.com"}),
    New("settings/members/invite/", "Send invitation", Invitation, {"E-mail": "two@example.com"}, ticks=True),
]


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def desk(
    request: pytest.FixtureRequest,
    browser: Browser,
    browser_context_args: dict[str, Any],
    watch: Watch,
) -> Iterator[Page]:
    """A page of a browser that runs scripts, and of one that does not."""
    with browser.new_context(**browser_context_args, java_script_enabled=request.param) as context:
        page = context.new_page()
        page.set_default_timeout(10_000)
        watch.follow(page)
        yield page
        _wait_for_the_server()


def _wait_for_the_server() -> None:
    """A browser that pressed twice waits for the second answer only; the first is still at work."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"

    def at_rest() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(busy)
            return bool(cursor.fetchone() == (1,))  # this question itself

    time.sleep(0.3)
    until(at_rest, "the last answer")


@pytest.fixture
def at(org: Org, live_server: LiveServer) -> str:
    return f"{live_server.url}/o/{org.slug}/"


@pytest.fixture
def draft(org: Org, writer: User) -> Message:
    with org_context(org.pk):
        frame = made.campaign(org, writer, at=timezone.now(), name="Harbour week")
        return made.message(frame, writer, at=timezone.now(), title="Announcement")


@pytest.fixture
def writer(org: Org) -> User:
    return factories.member(org, "admin", "marketer", name="Mira")


def test_a_button_pressed_twice_makes_one_thing(
    org: Org, writer: User, desk: Page, at: str, enter: Callable[[Page, User], None], watch: Watch
) -> None:
    """Q-36, C-01: a double click sends the form twice where no script holds the second back."""
    watch.expected.add(422)
    enter(desk, writer)
    made_of_it: dict[str, int] = {}
    for form in FORMS:
        with org_context(org.pk):
            before = form.makes.objects.for_org(org).count()
        page = desk.context.new_page()
        watch.follow(page)
        page.goto(at + form.place)
        if form.first:
            page.get_by_role("button", name=form.first).click()
            expect(page.get_by_role("button", name=form.first)).to_have_count(0)
        for label, text in form.typed.items():
            page.get_by_label(label, exact=True).fill(text)
        if form.ticks:
            page.get_by_role("checkbox").first.check()
        page.get_by_role("button", name=form.button, exact=True).last.dblclick()
        _wait_for_the_server()
        page.close()
        with org_context(org.pk):
            made_of_it[form.place] = form.makes.objects.for_org(org).count() - before
    assert made_of_it == {form.place: 1 for form in FORMS}


def test_a_message_begun_twice_is_one_draft(
    org: Org, writer: User, draft: Message, desk: Page, at: str, enter: Callable[[Page, User], None]
) -> None:
    """C-10"""
    enter(desk, writer)
    desk.goto(f"{at}campaigns/{draft.campaign_id}/messages/new/")
    desk.get_by_label("Title").fill("Twice")
    desk.get_by_role("radio", name="E-mail").check()
    desk.get_by_role("button", name="Create draft").dblclick()
    expect(desk.get_by_role("heading", name="Twice")).to_be_visible()
    with org_context(org.pk):
        assert Message.objects.for_org(org).filter(title__startswith="Twice").count() == 1


def test_back_shows_what_was_saved_and_saves_again(
    writer: User, draft: Message, desk: Page, at: str, enter: Callable[[Page, User], None]
) -> None:
    """Q-36: Back is no stale form."""
    enter(desk, writer)
    desk.goto(f"{at}messages/{draft.pk}/steps/content/")
    for text in ("Said once", "Said better"):
        desk.get_by_label("Subject").fill(text)
        desk.get_by_role("button", name="Save and go on").click()
        expect(desk.get_by_role("heading", level=2, name="When does it go?")).to_be_visible()
        desk.go_back()
        expect(desk.get_by_label("Subject")).to_have_value(text)
    desk.go_forward()
    expect(desk.get_by_role("heading", level=2, name="When does it go?")).to_be_visible()


def test_a_stale_form_is_refused_and_keeps_what_was_typed(
    org: Org,
    writer: User,
    draft: Message,
    desk: Page,
    at: str,
    enter: Callable[[Page, User], None],
    watch: Watch,
) -> None:
    """C-18, Q-36: both versions are shown; saved again, what was typed stands over theirs."""
    watch.expected.add(409)
    other = desk.context.new_page()
    enter(desk, writer)
    for page in (desk, other):
        page.goto(f"{at}messages/{draft.pk}/steps/content/")
    other.get_by_label("Subject").fill("Theirs")
    other.get_by_role("button", name="Save and go on").click()
    expect(other.get_by_role("heading", level=2, name="When does it go?")).to_be_visible()

    desk.get_by_label("Subject").fill("Mine")
    desk.get_by_role("button", name="Save and go on").click()
    expect(desk.get_by_text("Somebody saved a newer version while you were editing")).to_be_visible()
    expect(desk.get_by_role("cell", name="Theirs", exact=True)).to_be_visible()
    expect(desk.get_by_label("Subject")).to_have_value("Mine")
    desk.get_by_role("button", name="Save and go on").click()
    expect(desk.get_by_role("heading", level=2, name="When does it go?")).to_be_visible()
    with org_context(org.pk):
        draft.refresh_from_db()
        assert draft.contents.for_org(org).get().fields["subject"] == "Mine"


def test_enter_in_the_name_of_a_list_makes_it(
    org: Org, writer: User, desk: Page, at: str, enter: Callable[[Page, User], None]
) -> None:
    """A-19: what Enter presses is what the page is for, not "Read again"."""
    enter(desk, writer)
    desk.goto(f"{at}audiences/uploads/new/")
    file = {
        "name": "people.csv",
        "mimeType": "text/csv",
        "buffer": b"external_id,email\nS-1,one@example.com\n",
    }
    desk.locator("input[type=file]").set_input_files(file)
    desk.get_by_role("button", name="Upload and look").click()
    desk.get_by_label("Name of the list").fill("Of the fair")
    desk.get_by_label("Name of the list").press("Enter")
    expect(desk).to_have_url(re.compile(r"/\d+/$"))
