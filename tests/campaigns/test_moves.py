"""Every action of C-19 in every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from campaigns import editors, lifecycle
from campaigns.lifecycle import TABLE, Action, MoveRefused
from campaigns.models import Message, Run
from engage.orgs.access import NotAllowed
from engage.orgs.founding import add_unit
from engage.orgs.models import AuditEntry, DueWork, Notice, Org
from engage.orgs.rights import READY_MADE
from tests.campaigns.factories import LONG_REASON, Story, access, campaign, person, seen, sender, settings_of
from tests.campaigns.factories import message as ready

Status = Message.Status
Verb = Callable[[Story, Message], Any]


def _run(message: Message) -> Run:
    """The message's run; for one that never ran, a run of it that was never saved."""
    return message.run or Run(org_id=message.org_id, message=message, pk=0)


VERBS: dict[str, Verb] = {
    "submit": lambda s, m: lifecycle.submit(m, by=s.writer, at=s.at),
    "withdraw": lambda s, m: lifecycle.withdraw(m, by=s.writer, at=s.at),
    "edit": lambda s, m: lifecycle.edit(m, by=s.writer, at=s.at),
    "approve": lambda s, m: lifecycle.approve(m, by=s.approver, seen=seen(m), at=s.at),
    "reject": lambda s, m: lifecycle.reject(m, by=s.approver, reason=LONG_REASON, at=s.at),
    "unschedule": lambda s, m: lifecycle.unschedule(m, by=s.writer, at=s.at),
    "pause": lambda s, m: lifecycle.pause(m, by=s.writer, at=s.at),
    "resume": lambda s, m: lifecycle.resume(m, by=s.admin, at=s.at),
    "stop": lambda s, m: lifecycle.stop(m, by=s.admin, at=s.at),
    "continue": lambda s, m: lifecycle.continue_(m, by=s.approver, at=s.at),
    "reschedule": lambda s, m: lifecycle.reschedule(m, by=s.approver, at=s.at),
    "retry": lambda s, m: lifecycle.retry(m, by=s.admin, at=s.at),
    "reopen": lambda s, m: lifecycle.reopen(m, by=s.approver, at=s.at),
    "open_run": lambda s, m: lifecycle.open_run(m, at=s.at + timedelta(seconds=60)),
    "miss": lambda s, m: lifecycle.miss(m, at=s.at + timedelta(minutes=62)),
    "begin_sending": lambda s, m: lifecycle.begin_sending(_run(m), at=s.at),
    "block": lambda s, m: lifecycle.block(m, reason="failure_rate", at=s.at),
    "fail": lambda s, m: lifecycle.fail(_run(m), reason="Broken.", at=s.at),
    "complete": lambda s, m: lifecycle.complete(_run(m), at=s.at),
    "end": lambda s, m: lifecycle.end_with_campaign(m, at=s.at + timedelta(days=31)),
}

# The cells of the table that move, for a one-off message whose run has begun to send where it is Sending.
ALLOWED: dict[tuple[str, str], str] = {
    ("draft", "submit"): "awaiting",
    ("draft", "edit"): "draft",
    ("awaiting", "withdraw"): "draft",
    ("awaiting", "edit"): "draft",
    ("awaiting", "approve"): "scheduled",
    ("awaiting", "reject"): "rejected",
    ("rejected", "edit"): "draft",
    ("scheduled", "unschedule"): "draft",
    ("scheduled", "edit"): "draft",
    ("scheduled", "open_run"): "preparing",
    ("scheduled", "miss"): "blocked",
    ("scheduled", "block"): "blocked",
    ("scheduled", "stop"): "stopped",
    ("preparing", "begin_sending"): "sending",
    ("preparing", "block"): "blocked",
    ("preparing", "fail"): "failed",
    ("preparing", "pause"): "paused",
    ("preparing", "stop"): "stopped",
    ("preparing", "end"): "stopped",
    ("sending", "pause"): "paused",
    ("sending", "block"): "blocked",
    ("sending", "stop"): "stopped",
    ("sending", "complete"): "completed",
    ("sending", "end"): "stopped",
    ("paused", "resume"): "sending",
    ("paused", "stop"): "stopped",
    ("paused", "end"): "stopped",
    ("blocked", "continue"): "sending",
    ("blocked", "reschedule"): "draft",
    ("blocked", "stop"): "stopped",
    ("blocked", "end"): "stopped",
    ("failed", "retry"): "preparing",
    ("failed", "edit"): "draft",
    ("completed", "reopen"): "sending",
}


@contextmanager
def trial() -> Iterator[None]:
    """What happens inside is undone, so that the next attempt begins from the same state."""
    point = transaction.savepoint()
    yield
    transaction.savepoint_rollback(point)


def _facts(message: Message) -> dict[str, Any]:
    """All that a refused move must leave alone."""
    org_id = message.org_id
    row = Message.objects.for_org(org_id).filter(pk=message.pk).values().get()
    return row | {
        "run": list(Run.objects.for_org(org_id).values()),
        "due": list(DueWork.objects.filter(org_id=org_id).values("kind", "ref_id", "due_at").order_by("id")),
        "audit": AuditEntry.objects.for_org(org_id).count(),
        "mails": Notice.objects.for_org(org_id).count(),
    }


@pytest.mark.parametrize("status", Status.values)
def test_every_action_in_every_state_moves_or_is_refused(inside: Org, status: str) -> None:
    """C-19, C-20: the cells of the table move, every other is refused with the reason and changes nothing."""
    story = Story(inside)
    message = story.to(status)
    assert message.status == status
    before = _facts(message)
    for verb, move in VERBS.items():
        with trial():
            message = Message.objects.for_org(inside).get(pk=message.pk)
            if (status, verb) in ALLOWED:
                move(story, message)
                message.refresh_from_db()
                assert message.status == ALLOWED[status, verb], verb
                entries = AuditEntry.objects.for_org(inside).count() - before["audit"]
                assert entries == (0 if message.status == status == "draft" else 1), verb
            else:
                with pytest.raises(MoveRefused) as refused:
                    move(story, message)
                assert str(refused.value).endswith("."), verb
                assert _facts(message) == before, verb


def test_every_line_of_the_table_is_reached_by_a_verb() -> None:
    """C-19: no line that nobody can take, except those of recurring messages."""
    words = {verb: verb for verb in VERBS} | {"open_run": "due", "begin_sending": "begin", "miss": "block"}
    taken = {(status, Action[words[verb].upper()]) for status, verb in ALLOWED}
    recurring_only = {
        ("scheduled", Action.COMPLETE),
        ("scheduled", Action.PAUSE),
        ("stopped", Action.EDIT),
    }
    table = {(str(source), move.action) for move in TABLE for source in move.sources}
    assert table - recurring_only == taken - {("draft", Action.EDIT)}


WHO: dict[str, tuple[str, set[str]]] = {
    # state and verb → the ready-made roles that may do it
    "draft submit": ("submit", {"admin", "approver", "marketer"}),
    "awaiting withdraw": ("withdraw", {"admin", "approver", "marketer"}),
    "awaiting approve": ("approve", {"admin", "approver"}),
    "awaiting reject": ("reject", {"admin", "approver"}),
    "rejected edit": ("edit", {"admin", "approver", "marketer"}),
    "scheduled unschedule": ("unschedule", {"admin", "approver", "marketer"}),
    "sending pause": ("pause", {"admin", "approver", "marketer", "ops"}),
    "paused resume": ("resume", {"admin", "approver", "ops"}),
    "sending stop": ("stop", {"admin", "approver", "ops"}),
    "blocked continue": ("continue", {"admin", "approver", "ops"}),
    "blocked reschedule": ("reschedule", {"admin", "approver"}),
    "failed retry": ("retry", {"admin", "approver", "ops"}),
}


@pytest.mark.parametrize("case", WHO)
def test_only_those_named_by_the_table_may_move_a_message(inside: Org, case: str) -> None:
    """C-19, T-12, T-13"""
    story = Story(inside)
    message = story.to(case.split(maxsplit=1)[0])
    before = _facts(message)
    verb, roles = WHO[case]
    for role in READY_MADE:
        story.writer = story.approver = story.admin = person(inside, role)
        now = _facts(message)
        with trial():
            message = Message.objects.for_org(inside).get(pk=message.pk)
            if role in roles:
                VERBS[verb](story, message)
                continue
            with pytest.raises(NotAllowed):
                VERBS[verb](story, message)
            assert _facts(message) == now, role
    assert before["status"] == case.split(maxsplit=1)[0]


def test_ops_continue_only_after_technical_causes(inside: Org) -> None:
    """C-19"""
    story = Story(inside)
    ops = person(inside, "ops")
    message = story.to("sending")
    lifecycle.block(message, reason="audience_changed", at=story.at)
    with pytest.raises(MoveRefused, match="technical"):
        lifecycle.continue_(message, by=ops, at=story.at)
    lifecycle.continue_(message, by=story.approver, at=story.at)
    lifecycle.block(message, reason="sender_down", at=story.at)
    assert lifecycle.continue_(message, by=ops, at=story.at).status == "sending"


def test_a_member_of_another_unit_moves_nothing(inside: Org) -> None:
    """C-19, T-08"""
    story = Story(inside)
    north, south = (add_unit(inside, name=n, code=n, by=None, at=story.at) for n in ("north", "south"))
    made = ready(campaign(inside, story.admin, unit=north), story.admin, sender=sender(inside, unit=north))
    with pytest.raises(NotAllowed):
        lifecycle.submit(made, by=person(inside, "approver", units=[south]), at=story.at)
    assert (
        lifecycle.submit(made, by=person(inside, "approver", units=[north]), at=story.at).status == "awaiting"
    )


def test_what_was_paused_goes_back_to_where_it_was(inside: Org) -> None:
    """C-19, C-45"""
    story = Story(inside)
    for status in ("preparing", "sending"):
        message = story.to(status)
        lifecycle.pause(message, by=story.writer, at=story.at)
        assert lifecycle.resume(message, by=story.admin, at=story.at).status == status


def test_a_run_has_the_state_of_its_message(inside: Org) -> None:
    """C-19"""
    story = Story(inside)
    for status in ("preparing", "sending", "paused", "blocked", "stopped", "completed", "failed"):
        run = story.to(status).run
        assert run is not None
        assert run.status == status
        assert (run.finished_at is not None) == (status in {"stopped", "completed", "failed"})


def test_a_rescheduled_message_closes_its_run_and_voids_its_approval(inside: Org) -> None:
    """C-19"""
    story = Story(inside)
    message = story.to("preparing")
    lifecycle.block(message, reason="audience_changed", at=story.at)
    draft = lifecycle.reschedule(message, by=story.approver, at=story.at)
    assert draft.approved_version is None
    assert draft.run is not None
    assert draft.run.status == Run.Status.STOPPED
    assert draft.run.finished_at is not None


def test_a_retried_run_is_the_same_run_begun_anew(inside: Org) -> None:
    """C-19"""
    story = Story(inside)
    failed = story.to("failed")
    retried = lifecycle.retry(failed, by=story.admin, at=story.at)
    assert retried.run is not None
    assert retried.run.pk == failed.run_id
    assert (retried.run.status, retried.run.finished_at, retried.run.frozen_at) == ("preparing", None, None)


@pytest.mark.parametrize("status", ["draft", "awaiting", "rejected", "scheduled"])
def test_a_message_without_a_run_can_be_deleted(inside: Org, status: str) -> None:
    """C-20: audited, and the goal stays locked."""
    story = Story(inside)
    message = story.to(status)
    lifecycle.delete(message, by=story.writer, at=story.at)
    assert not Message.objects.for_org(inside).exists()
    assert not DueWork.objects.filter(org=inside, kind__in=["message", "approval"]).exists()
    assert AuditEntry.objects.for_org(inside).filter(action="message.deleted").exists()
    assert (message.campaign.first_approved_at is not None) == (status == "scheduled")


@pytest.mark.parametrize(
    "status", ["preparing", "sending", "paused", "blocked", "stopped", "completed", "failed"]
)
def test_a_message_that_ran_cannot_be_deleted(inside: Org, status: str) -> None:
    """C-20"""
    story = Story(inside)
    message = story.to(status)
    with pytest.raises(MoveRefused, match="had a run"):
        lifecycle.delete(message, by=story.writer, at=story.at)


def test_pages_offer_exactly_what_the_verbs_would_do(inside: Org) -> None:
    """C-54"""
    story = Story(inside)
    message = story.to("awaiting")

    def offered(user: Any) -> dict[Action, str]:
        return lifecycle.offers(
            message, message.campaign, settings_of(inside), access=access(user, inside), at=story.at
        )

    assert offered(story.approver)[Action.APPROVE] == ""
    assert Action.APPROVE not in offered(story.writer)
    approver_who_wrote = person(inside, "approver")
    editors.record(message, approver_who_wrote, "content", at=story.at)
    assert "did not write it" in offered(approver_who_wrote)[Action.APPROVE]
