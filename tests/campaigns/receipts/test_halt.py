"""Halting all sending of an org, and arming it again (C-46)."""

from __future__ import annotations

import pytest

from campaigns import halt, lifecycle
from campaigns.lifecycle import MoveRefused
from campaigns.models import Message
from engage.orgs.access import NotAllowed
from engage.orgs.founding import add_unit
from engage.orgs.models import AuditEntry, Org, OrgSettings
from tests import factories
from tests.campaigns import factories as made
from tests.campaigns.factories import Story
from tests.factories import NOW

REASON = "The price list was wrong."


def test_open_runs_are_blocked_disarmed_until_somebody_continues_each(inside: Org) -> None:
    """C-46, C-39, T-31"""
    story = Story(inside)
    sending, preparing, paused = (story.to(status) for status in ("sending", "preparing", "paused"))
    ops = made.access(factories.member(inside, "ops"), inside)
    assert halt.halt(by=ops, reason=REASON, at=story.at).runs == 2

    def status(message: Message) -> tuple[str, str]:
        fresh = Message.objects.for_org(inside).get(pk=message.pk)
        return fresh.status, fresh.status_reason

    assert status(sending) == status(preparing) == ("blocked", "disarmed")
    assert status(paused)[0] == "paused"
    assert OrgSettings.objects.for_org(inside).get().halted_reason == REASON
    halt.arm(by=ops, at=story.at)
    assert status(sending)[0] == "blocked"
    lifecycle.continue_(sending, by=ops.user, at=story.at)
    assert status(sending)[0] == "sending"
    actions = AuditEntry.objects.for_org(inside).values_list("action", flat=True)
    assert {"sending.halted", "sending.armed"} <= set(actions)


def test_nothing_starts_while_halted(inside: Org) -> None:
    """C-46"""
    story = Story(inside)
    message = story.to("scheduled")
    halt.halt(by=made.access(story.admin, inside), reason=REASON, at=story.at)
    with pytest.raises(MoveRefused, match="halted"):
        story.open(message)


def test_halting_twice_or_without_a_reason_is_refused(inside: Org) -> None:
    """C-46, Q-31"""
    admin = made.access(factories.member(inside, "admin"), inside)
    with pytest.raises(halt.HaltRefused, match="why"):
        halt.halt(by=admin, reason="  ", at=NOW)
    with pytest.raises(halt.HaltRefused, match="not halted"):
        halt.arm(by=admin, at=NOW)
    halt.halt(by=admin, reason=REASON, at=NOW)
    with pytest.raises(halt.HaltRefused, match="already"):
        halt.halt(by=admin, reason=REASON, at=NOW)


def test_the_whole_org_is_halted_by_who_sees_the_whole_org(inside: Org) -> None:
    """T-10, T-12"""
    unit = add_unit(inside, name="North", code="north", by=None, at=NOW)
    for member in (
        factories.member(inside, "marketer"),
        factories.member(inside, "approver"),
        factories.member(inside, "ops", units=[unit]),
    ):
        with pytest.raises(NotAllowed):
            halt.halt(by=made.access(member, inside), reason=REASON, at=NOW)
