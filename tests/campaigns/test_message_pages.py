"""Writing, approving and controlling a message in the console."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Message
from engage.orgs import founding
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(org: Org) -> dict[str, User]:
    return {role: factories.member(org, role) for role in ("marketer", "approver", "analyst")}


@pytest.fixture
def draft(org: Org, people: dict[str, User]) -> Message:
    with org_context(org.pk):
        return made.message(
            made.campaign(org, people["marketer"], at=timezone.now()), people["marketer"], at=timezone.now()
        )


def address(org: Org, message: Message, tail: str = "") -> str:
    return f"/o/{org.slug}/messages/{message.pk}/{tail}"


def revision_of(html: str) -> str:
    found = re.search(r'name="revision" value="(\d+)"', html)
    assert found
    return found[1]


def stored(org: Org, message: Message) -> Message:
    with org_context(org.pk):
        return Message.objects.for_org(org).get(pk=message.pk)


@pytest.mark.parametrize("step", ["basics", "audience", "content", "schedule", "delivery", "review"])
def test_any_step_opens_at_any_time_and_shows_completeness(
    org: Org, people: dict[str, User], draft: Message, client: Client, step: str
) -> None:
    """C-10"""
    client.force_login(people["marketer"])
    answer = client.get(address(org, draft, f"steps/{step}/"))
    assert answer.status_code == 200
    html = answer.content.decode()
    for label in ("Basics", "Audience", "Content", "Schedule", "Delivery settings", "Review"):
        assert label in html


def test_a_message_is_made_in_its_campaign_with_a_title_of_its_own(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-11"""
    client.force_login(people["marketer"])
    page = f"/o/{org.slug}/campaigns/{draft.campaign_id}/messages/new/"
    refused = client.post(page, {"title": draft.title, "channel": "email"})
    assert "Another message of this campaign has this title" in refused.content.decode()
    assert client.post(page, {"title": "A second one", "channel": "sms"}).status_code == 302
    with org_context(org.pk):
        assert Message.objects.for_org(org).get(title="A second one").channel == "sms"


def test_a_field_saves_itself_and_says_when(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-01, C-11, Q-36"""
    client.force_login(people["marketer"])
    page = address(org, draft, "steps/basics/")
    revision = revision_of(client.get(page).content.decode())
    answer = client.post(
        page, {"title": "New title", "channel": "email", "revision": revision}, headers={"HX-Request": "true"}
    )
    assert "Saved" in answer.content.decode()
    assert stored(org, draft).title == "New title"
    assert f'value="{int(revision) + 1}"' in answer.content.decode()


def test_a_save_over_a_newer_version_is_refused_and_shows_both(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-18, Q-36"""
    client.force_login(people["marketer"])
    page = address(org, draft, "steps/basics/")
    revision = revision_of(client.get(page).content.decode())
    client.post(page, {"title": "Theirs", "channel": "email", "revision": revision})
    answer = client.post(page, {"title": "Mine", "channel": "email", "revision": revision})
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "Theirs" in html
    assert 'value="Mine"' in html
    assert stored(org, draft).title == "Theirs"


def test_dated_without_a_time_is_told_beside_the_field_and_nothing_is_lost(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-35, Q-36"""
    client.force_login(people["marketer"])
    page = address(org, draft, "steps/schedule/")
    revision = revision_of(client.get(page).content.decode())
    answer = client.post(page, {"mode": "dated", "send_on": "2026-12-01", "revision": revision})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "Choose when it goes out." in html
    assert 'value="2026-12-01"' in html


def test_the_preview_stands_on_its_own_address_with_its_own_policy(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """H-10, Q-27"""
    client.force_login(people["marketer"])
    answer = client.get(address(org, draft, "preview/"))
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "script-src" not in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "New season for" in answer.content.decode()


def test_the_review_shows_the_funnel_the_checklist_and_when(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """A-37, C-17, C-25, C-26"""
    client.force_login(people["marketer"])
    html = client.get(address(org, draft, "steps/review/")).content.decode()
    assert "What becomes of everybody" in html
    assert "Nobody is in the chosen audiences" in html
    assert f'href="{address(org, draft, "steps/audience/")}"' in html
    answer = client.post(address(org, draft, "submit/"), follow=True).content.decode()
    assert "Not ready to submit" in answer
    assert stored(org, draft).status == "draft"


def submitted(org: Org, people: dict[str, User], draft: Message) -> Message:
    with org_context(org.pk):
        return lifecycle.submit(draft, by=people["marketer"], at=timezone.now(), targeted=100)


def signed_in(client: Client, user: User) -> Client:
    client.post("/sign-in/", {"email": user.email, "password": factories.PASSWORD})
    return client


def test_an_approver_approves_exactly_what_the_page_showed_and_can_undo(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-29, C-31, C-34, Q-13"""
    message = submitted(org, people, draft)
    signed_in(client, people["approver"])
    html = client.get(address(org, message, "approval/")).content.decode()
    seen = re.search(r'name="seen" value="(1:[0-9a-f]{64})"', html)
    assert seen
    assert draft.title in html
    button = re.search(r"<button[^>]*>(?:(?!</button>).)*Approve\s*</button>", html, re.DOTALL)
    assert button and "disabled" not in button[0]
    answer = client.post(address(org, message, "approve/"), {"seen": seen[1]}, follow=True).content.decode()
    assert "Approved. It starts in 60 seconds" in answer
    assert "Undo" in answer
    assert stored(org, message).status == "scheduled"
    client.post(address(org, message, "move/"), {"do": "unschedule"})
    assert stored(org, message).status == "draft"


def test_the_page_asks_again_from_approval_until_the_run_begins(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-34, Q-30: also between the end of the hold and the start, or it would stand still."""
    message = submitted(org, people, draft)
    with org_context(org.pk):
        at = timezone.now()
        lifecycle.approve(message, by=people["approver"], seen=made.seen(message), at=at)
    client.force_login(people["marketer"])
    for passed in (timedelta(), timedelta(seconds=61)):
        with time_machine.travel(at + passed, tick=False):
            assert "every " in client.get(address(org, message)).content.decode()


def test_a_hash_that_no_longer_fits_is_refused_and_the_page_shows_why(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-29, Q-11, Q-12"""
    message = submitted(org, people, draft)
    signed_in(client, people["approver"])
    answer = client.post(address(org, message, "approve/"), {"seen": "1:" + "0" * 64})
    assert answer.status_code == 409
    assert "changed while you were reading" in answer.content.decode()
    assert stored(org, message).status == "awaiting"


def test_nobody_approves_what_they_wrote_by_a_replayed_form(
    org: Org, draft: Message, client: Client, people: dict[str, User]
) -> None:
    """C-28, Q-12"""
    with org_context(org.pk):
        both = factories.member(org, "marketer", "approver", name="Both")
        own = made.message(draft.campaign, both, at=timezone.now())
        lifecycle.submit(own, by=both, at=timezone.now(), targeted=10)
        seen = made.seen(own)
    signed_in(client, both)
    client.post(address(org, own, "approve/"), {"seen": seen})
    assert stored(org, own).status == "awaiting"


def test_a_rejection_needs_a_reason_and_keeps_what_was_typed(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-32"""
    message = submitted(org, people, draft)
    client.force_login(people["approver"])
    short = client.post(address(org, message, "reject/"), {"reason": "Too long"})
    assert short.status_code == 422
    assert "Too long" in short.content.decode()
    client.post(address(org, message, "reject/"), {"reason": made.LONG_REASON})
    assert stored(org, message).status == "rejected"
    page = client.get(address(org, message)).content.decode()
    assert made.LONG_REASON in page


def test_all_waiting_messages_of_a_campaign_are_decided_at_once(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-33"""
    submitted(org, people, draft)
    with org_context(org.pk):
        second = made.message(draft.campaign, people["marketer"], at=timezone.now())
        lifecycle.submit(second, by=people["marketer"], at=timezone.now(), targeted=10)
    signed_in(client, people["approver"])
    page = f"/o/{org.slug}/campaigns/{draft.campaign_id}/decide/"
    html = client.get(page).content.decode()
    fields = dict(re.findall(r'name="(seen-\d+)" value="([^"]+)"', html))
    assert len(fields) == 2
    answer = client.post(page, fields | {"do": "approve"}).content.decode()
    assert draft.title in answer
    assert {stored(org, m).status for m in (draft, second)} == {"scheduled"}


def test_the_messages_page_has_tabs_with_counts_and_search(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-52"""
    submitted(org, people, draft)
    client.force_login(people["analyst"])
    html = client.get(f"/o/{org.slug}/messages/?tab=awaiting").content.decode()
    assert draft.title in html
    assert draft.title not in client.get(f"/o/{org.slug}/messages/?tab=sent").content.decode()
    assert draft.title not in client.get(f"/o/{org.slug}/messages/?q=nothing-like-it").content.decode()


def test_a_message_outside_the_scope_never_existed(org: Org, draft: Message, client: Client) -> None:
    """T-11"""
    with org_context(org.pk):
        north = founding.add_unit(org, name="North", code="north", by=None, at=NOW)
    client.force_login(factories.member(org, "admin", units=[north]))
    for tail in ("", "approval/", "steps/basics/", "preview/", "funnel/"):
        assert client.get(address(org, draft, tail)).status_code == 404, tail
    assert client.post(address(org, draft, "move/"), {"do": "stop"}).status_code == 404


def test_a_draft_can_be_deleted_and_a_missing_move_is_told(
    org: Org, people: dict[str, User], draft: Message, client: Client
) -> None:
    """C-20"""
    client.force_login(people["marketer"])
    told = client.post(address(org, draft, "move/"), {"do": "fly"}, follow=True).content.decode()
    assert "Choose what to do" in told
    refused = client.post(address(org, draft, "move/"), {"do": "pause"}, follow=True).content.decode()
    assert "cannot be" in refused or "can" in refused
    client.post(address(org, draft, "delete/"))
    with org_context(org.pk):
        assert not Message.objects.for_org(org).filter(pk=draft.pk).exists()
        assert Campaign.objects.for_org(org).filter(pk=draft.campaign_id).exists()
