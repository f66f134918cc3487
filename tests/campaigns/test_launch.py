"""When an approved message begins: in time, and after a minute in which it can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns import lifecycle
from campaigns.lifecycle import MissedSchedule, MoveRefused
from engage.orgs.models import DueWork, Org, OrgSettings
from tests.campaigns.factories import (
    Story,
    campaign,
    mails_of,
    message,
    seen,
    settings_of,
)
from tests.factories import NOW


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


def test_approving_within_the_grace_is_in_time(story: Story) -> None:
    """C-27, C-38"""
    waiting = story.dated(minutes=10)
    late = NOW + timedelta(minutes=70)
    approved = lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=late)
    assert approved.hold_until == late + timedelta(seconds=60)


def test_approving_after_the_grace_is_refused_as_missed_and_both_are_mailed(story: Story) -> None:
    """C-27, C-30"""
    waiting = story.dated(minutes=10)
    late = NOW + timedelta(minutes=70, seconds=1)
    with pytest.raises(MissedSchedule, match="missed its schedule"):
        lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=late)
    waiting.refresh_from_db()
    assert waiting.status == "awaiting"
    (recipients,) = mails_of(story.org, "Campaign message missed its schedule.")
    assert {story.writer.email, story.approver.email} <= set(recipients)


def test_a_lapsed_campaigns_message_cannot_be_approved(story: Story) -> None:
    """C-27"""
    waiting = story.to("awaiting")
    with pytest.raises(MoveRefused, match="over"):
        lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=NOW + timedelta(days=31))


def test_nothing_starts_within_a_minute_of_an_approval_that_launches_it(story: Story) -> None:
    """C-34, Q-13"""
    scheduled = story.to("scheduled")
    for seconds in (0, 1, 30, 59):
        with pytest.raises(MoveRefused, match="held"):
            lifecycle.open_run(scheduled, at=NOW + timedelta(seconds=seconds))
    due = DueWork.objects.get(org=story.org, kind=lifecycle.MESSAGE_DUE, ref_id=scheduled.pk)
    assert due.due_at == NOW + timedelta(seconds=60)
    assert lifecycle.open_run(scheduled, at=NOW + timedelta(seconds=60)).status == "preparing"


def test_undo_within_the_hold_sends_nothing(story: Story) -> None:
    """C-34, Q-13"""
    scheduled = story.to("scheduled")
    lifecycle.unschedule(scheduled, by=story.writer, at=NOW + timedelta(seconds=59))
    with pytest.raises(MoveRefused, match="Draft"):
        lifecycle.open_run(scheduled, at=NOW + timedelta(minutes=2))


def test_a_dated_message_is_not_delayed(story: Story) -> None:
    """C-34, C-35"""
    waiting = story.dated(minutes=10)
    approved = lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=NOW)
    assert (approved.due_at, approved.hold_until) == (NOW + timedelta(minutes=10), None)
    with pytest.raises(MoveRefused, match="not due"):
        lifecycle.open_run(approved, at=NOW + timedelta(minutes=9, seconds=59))
    lifecycle.open_run(approved, at=NOW + timedelta(minutes=10))


def test_an_immediate_message_of_a_campaign_to_come_waits_for_its_start(story: Story) -> None:
    """C-35"""
    settings = settings_of(story.org)
    later = campaign(story.org, story.writer, start_on=settings.today(NOW) + timedelta(days=3))
    made = message(later, story.writer)
    lifecycle.submit(made, by=story.writer, at=NOW)
    approved = lifecycle.approve(made, by=story.approver, seen=seen(made), at=NOW)
    assert (approved.due_at, approved.hold_until) == (later.starts_at(settings.zone), None)
    with pytest.raises(MoveRefused):
        lifecycle.open_run(approved, at=NOW + timedelta(minutes=2))


def test_continuing_without_an_open_run_is_held_too(story: Story) -> None:
    """C-34, C-38, Q-06, Q-13"""
    scheduled = story.to("scheduled")
    found_late = NOW + timedelta(minutes=61, seconds=1)
    with pytest.raises(MoveRefused, match="too long ago"):
        lifecycle.open_run(scheduled, at=found_late)
    blocked = lifecycle.miss(scheduled, at=found_late)
    assert (blocked.status, blocked.status_reason) == ("blocked", "schedule_missed")
    assert mails_of(story.org, "Campaign message missed its schedule.")
    again = lifecycle.continue_(blocked, by=story.approver, at=found_late, seen="schedule_missed")
    assert (again.status, again.hold_until) == ("scheduled", found_late + timedelta(seconds=60))
    with pytest.raises(MoveRefused, match="held"):
        lifecycle.open_run(again, at=found_late + timedelta(seconds=59))
    lifecycle.open_run(again, at=found_late + timedelta(seconds=60))


def test_continue_is_refused_when_the_cause_is_no_longer_the_one_shown(story: Story) -> None:
    """C-19"""
    blocked = story.to("blocked")
    with pytest.raises(MoveRefused, match="another reason"):
        lifecycle.continue_(blocked, by=story.approver, at=NOW, seen="sender_down")


def test_while_sending_is_halted_no_run_opens(story: Story) -> None:
    """C-46, C-39"""
    scheduled = story.to("scheduled")
    OrgSettings.objects.for_org(story.org).update(sending_halted_at=NOW)
    with pytest.raises(MoveRefused, match="halted"):
        lifecycle.open_run(scheduled, at=NOW + timedelta(seconds=60))
