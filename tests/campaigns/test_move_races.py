"""Of two simultaneous actions one wins and the other sees the new state: real threads, each with its own connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from campaigns import editors, frame, lifecycle
from campaigns.drafting import Stale
from campaigns.lifecycle import MoveRefused
from campaigns.models import Message, MessageVersion, Run
from engage.orgs import audit
from engage.orgs.models import AuditEntry, Org
from engage.orgs.tenancy import org_context
from tests.campaigns import factories as made
from tests.campaigns.factories import LONG_REASON, Story, seen
from tests.factories import NOW, OrgFactory

Act = Callable[[Story, Message, str], Any]
MINUTE = NOW + timedelta(seconds=60)


def _change_start(story: Story, message: Message, _: str) -> Any:
    return frame.change(
        message.campaign,
        {"start_on": message.campaign.start_on + timedelta(days=1)},
        access=made.access(story.writer, story.org),
        settings=made.settings_of(story.org),
        at=NOW,
        revision=message.campaign.revision,
    )


ACTS: dict[str, Act] = {
    "submit": lambda s, m, h: lifecycle.submit(m, by=s.writer, at=NOW),
    "withdraw": lambda s, m, h: lifecycle.withdraw(m, by=s.writer, at=NOW),
    "edit": lambda s, m, h: lifecycle.edit(m, by=s.writer, at=NOW),
    "approve": lambda s, m, h: lifecycle.approve(m, by=s.approver, seen=h, at=NOW),
    "reject": lambda s, m, h: lifecycle.reject(m, by=s.approver, reason=LONG_REASON, at=NOW),
    "undo": lambda s, m, h: lifecycle.unschedule(m, by=s.writer, at=NOW),
    "open_run": lambda s, m, h: lifecycle.open_run(m, at=MINUTE),
    "pause": lambda s, m, h: lifecycle.pause(m, by=s.writer, at=MINUTE),
    "resume": lambda s, m, h: lifecycle.resume(m, by=s.admin, at=MINUTE),
    "stop": lambda s, m, h: lifecycle.stop(m, by=s.admin, at=MINUTE),
    "block": lambda s, m, h: lifecycle.block(m, reason="failure_rate", at=MINUTE),
    "complete": lambda s, m, h: lifecycle.complete(m.run, at=MINUTE),  # type: ignore[arg-type]
    "retry": lambda s, m, h: lifecycle.retry(m, by=s.admin, at=MINUTE),
    "change_start": _change_start,
}

# State, the two actions, and the states in which it may end, with how many of the two may have succeeded.
PAIRS = [
    ("draft", "submit", "submit", {("awaiting", 1)}),
    ("awaiting", "approve", "approve", {("scheduled", 1)}),
    ("awaiting", "approve", "reject", {("scheduled", 1), ("rejected", 1)}),
    ("awaiting", "approve", "withdraw", {("scheduled", 1), ("draft", 1)}),
    # Editing what was just approved makes it a draft again: both may succeed, one after the other.
    ("awaiting", "approve", "edit", {("draft", 2), ("draft", 1)}),
    ("awaiting", "approve", "change_start", {("scheduled", 1), ("draft", 1)}),
    ("scheduled", "open_run", "open_run", {("preparing", 1)}),
    ("scheduled", "open_run", "undo", {("preparing", 1), ("draft", 1)}),
    ("sending", "pause", "stop", {("stopped", 2), ("stopped", 1)}),
    ("sending", "pause", "block", {("paused", 1), ("blocked", 1)}),
    ("sending", "complete", "stop", {("completed", 1), ("stopped", 1)}),
    ("paused", "resume", "stop", {("stopped", 2), ("stopped", 1)}),
    ("failed", "retry", "edit", {("preparing", 1), ("draft", 1)}),
]  # fmt: skip


def together(org: Org, calls: list[Callable[[], Any]]) -> list[Any]:
    """Run them at the same moment, each in its own transaction; what each returned, or how it was refused."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        try:
            with org_context(org.pk):
                barrier.wait(10)
                return call()
        except (MoveRefused, frame.CampaignRefused, Stale) as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as hands:
        return list(hands.map(one, calls))


def _succeeded(outcomes: list[Any]) -> int:
    return sum(not isinstance(outcome, Exception) for outcome in outcomes)


@pytest.mark.usefixtures("transactional_db")
def test_of_two_simultaneous_actions_one_wins_and_the_other_sees_the_new_state() -> None:
    """C-20, C-19, Q-11"""
    org = OrgFactory.create(slug="races")
    with org_context(org.pk):
        story = Story(org)
    for status, first, second, ends in PAIRS * 3:
        with org_context(org.pk):
            story.at = NOW
            message = story.to(status)
            read = seen(message)
            before = AuditEntry.objects.for_org(org).filter(object_id=str(message.pk)).count()
        outcomes = together(org, [partial(ACTS[act], story, message, read) for act in (first, second)])
        with org_context(org.pk):
            after = Message.objects.for_org(org).get(pk=message.pk)
            won = _succeeded(outcomes)
            assert (after.status, won) in ends, (status, first, second, after.status, outcomes)
            written = AuditEntry.objects.for_org(org).filter(object_kind="message", object_id=str(message.pk))
            moved = won - ("change_start" in {first, second} and after.status == "scheduled")
            assert written.count() - before <= max(moved, 1)
            assert Run.objects.for_org(org).filter(message=message).count() <= 1
            waiting = MessageVersion.objects.for_org(org).filter(message=message, decision="waiting")
            assert waiting.count() == (after.status == "awaiting")
            assert (after.approved_version is not None) == (
                after.status not in {"draft", "awaiting", "rejected"}
            )
    with org_context(org.pk):
        assert audit.verify(org).bad_seq is None


@pytest.mark.usefixtures("transactional_db")
def test_an_edit_that_races_an_approval_is_never_taken_for_one_that_was_seen() -> None:
    """C-28, Q-12: whoever wins, an edit after the approval stands against its editor at the next one."""
    org = OrgFactory.create(slug="eyes")
    with org_context(org.pk):
        story = Story(org)
    for _ in range(5):
        with org_context(org.pk):
            message = story.to("awaiting")
            read = seen(message)

        def edit(message: Message = message) -> Message:
            draft = lifecycle.edit(message, by=story.writer, at=NOW)
            editors.record(draft, story.admin, "content", at=NOW - timedelta(minutes=1))
            return draft

        together(org, [partial(ACTS["approve"], story, message, read), edit])
        with org_context(org.pk):
            after = Message.objects.for_org(org).get(pk=message.pk)
            assert after.status == "draft"
            assert story.admin.pk in editors.since_last_approval(after)


@pytest.mark.usefixtures("transactional_db")
def test_two_people_who_decide_on_all_do_not_wait_for_each_other() -> None:
    """C-33, C-20: every message is decided once, by either."""
    org = OrgFactory.create(slug="all")
    with org_context(org.pk):
        story = Story(org)
        of = made.campaign(org, story.writer)
        waiting = [made.message(of, story.writer) for _ in range(6)]
        for message in waiting:
            lifecycle.submit(message, by=story.writer, at=NOW)
        hashes = {message.pk: seen(message) for message in waiting}
    tried = together(
        org,
        [
            partial(lifecycle.approve_all, waiting, by=story.approver, seen=hashes, at=NOW),
            partial(lifecycle.approve_all, waiting[::-1], by=story.admin, seen=hashes, at=NOW),
            partial(lifecycle.reject_all, waiting, by=story.admin, reason=LONG_REASON, at=NOW),
        ],
    )
    assert sorted(message.pk for one in tried for message in one.done) == sorted(hashes)
