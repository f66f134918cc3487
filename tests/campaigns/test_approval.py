"""Approval: bound to what was read, by other eyes, in time, and held for a minute."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audiences.models import Audience
from campaigns import editors, frame, lifecycle, reminders, versions
from campaigns.lifecycle import Changed, MissedSchedule, MoveRefused
from campaigns.models import Campaign, Message, MessageAudience, MessageContent, MessageVersion
from engage.orgs.access import NotAllowed
from engage.orgs.founding import ready_made, seat_member
from engage.orgs.models import DueWork, Member, Notice, Org, OrgSettings, User
from tests.campaigns.factories import (
    LONG_REASON,
    Story,
    access,
    campaign,
    message,
    new_version,
    person,
    seen,
    settings_of,
)
from tests.factories import NOW


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


def _mails(org: Org, subject: str) -> list[list[str]]:
    return [
        notice.recipients for notice in Notice.objects.for_org(org).filter(subject=subject).order_by("pk")
    ]


# Four eyes.


@pytest.mark.parametrize("section", ["basics", "audience", "content", "schedule", "delivery", "campaign"])
def test_nobody_approves_what_they_wrote(story: Story, section: str) -> None:
    """C-28, Q-12: whatever part of it they touched."""
    waiting = story.to("awaiting")
    editors.record(waiting, story.approver, section, at=NOW)
    with pytest.raises(MoveRefused, match="did not write"):
        lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=NOW)


def test_in_bulk_nobody_approves_what_they_wrote_either(story: Story) -> None:
    """C-33, Q-12"""
    mine, theirs = story.to("awaiting"), story.to("awaiting")
    editors.record(mine, story.approver, "content", at=NOW)
    hashes = {waiting.pk: seen(waiting) for waiting in (mine, theirs)}
    tried = lifecycle.approve_all([mine, theirs], by=story.approver, seen=hashes, at=NOW)
    assert [done.pk for done in tried.done] == [theirs.pk]
    assert [(refused.pk, "did not write" in why) for refused, why in tried.refused] == [(mine.pk, True)]


def test_only_edits_since_the_last_approval_count(story: Story) -> None:
    """C-28"""
    scheduled = story.to("scheduled")
    draft = lifecycle.unschedule(scheduled, by=story.writer, at=NOW)
    editors.record(draft, story.approver, "content", at=NOW)
    lifecycle.submit(draft, by=story.writer, at=NOW)
    with pytest.raises(MoveRefused, match="did not write"):
        lifecycle.approve(draft, by=story.approver, seen=seen(draft), at=NOW)
    # The writer wrote the approved version, but nothing since.
    writer_with_rights = person(story.org, "approver")
    assert lifecycle.approve(draft, by=writer_with_rights, seen=seen(draft), at=NOW).status == "scheduled"


def test_who_changed_a_chosen_audience_meanwhile_is_an_editor(story: Story) -> None:
    """C-28, A-43, Q-11"""
    draft = story.to("draft")
    audience = Audience.objects.for_org(story.org).get()
    new_version(audience, story.approver, at=NOW + timedelta(minutes=1))
    lifecycle.submit(draft, by=story.writer, at=NOW + timedelta(minutes=2))
    with pytest.raises(MoveRefused, match="did not write"):
        lifecycle.approve(draft, by=story.approver, seen=seen(draft), at=NOW + timedelta(minutes=3))


def test_with_self_approval_an_editor_may_and_it_is_marked(story: Story) -> None:
    """C-28"""
    OrgSettings.objects.for_org(story.org).update(self_approval=True)
    made = message(campaign(story.org, story.approver), story.approver)
    lifecycle.submit(made, by=story.approver, at=NOW)
    approved = lifecycle.approve(made, by=story.approver, seen=seen(made), at=NOW)
    assert approved.approved_version is not None
    assert approved.approved_version.self_approved


# The hash.


def test_what_changed_while_it_was_read_is_not_approved(story: Story) -> None:
    """C-29, Q-11: the refusal shows the difference."""
    waiting = story.to("awaiting")
    read = seen(waiting)
    OrgSettings.objects.for_org(story.org).update(postal_address="Somewhere else")
    with pytest.raises(Changed) as refused:
        lifecycle.approve(waiting, by=story.approver, seen=read, at=NOW)
    changed = [line.label for section in refused.value.sections for line in section.lines if line.changed]
    assert changed == ["Footer", "Value of org.postal_address"]
    waiting.refresh_from_db()
    assert waiting.status == "awaiting"


def test_what_changed_and_was_read_so_is_approved_as_a_version_of_its_own(story: Story) -> None:
    """C-29, Q-11: only what has the approved hash is sent."""
    waiting = story.to("awaiting")
    frame.change(
        waiting.campaign,
        {"end_on": waiting.campaign.end_on + timedelta(days=5)},
        access=access(story.writer, story.org),
        settings=settings_of(story.org),
        at=NOW,
        revision=1,
    )
    waiting = Message.objects.for_org(story.org).get(pk=waiting.pk)
    assert waiting.status == "awaiting"
    approved = lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=NOW)
    assert approved.approved_version is not None
    assert (approved.approved_version.number, approved.approved_version.hash) == (2, seen(approved))
    assert versions.reference(approved, before=approved.approved_version) is not None


@pytest.mark.parametrize("forged", ["", "1:0", "x"])
def test_a_posted_hash_must_fit(story: Story, forged: str) -> None:
    """C-29"""
    waiting = story.to("awaiting")
    with pytest.raises(Changed):
        lifecycle.approve(waiting, by=story.approver, seen=forged, at=NOW)


def test_an_audience_edited_after_submission_changes_nothing_that_was_approved(story: Story) -> None:
    """A-43, C-29, Q-11"""
    waiting = story.to("awaiting")
    read = seen(waiting)
    new_version(Audience.objects.for_org(story.org).get(), story.admin, at=NOW)
    approved = lifecycle.approve(waiting, by=story.approver, seen=read, at=NOW)
    assert seen(approved) == read
    draft = lifecycle.unschedule(approved, by=story.writer, at=NOW)
    assert MessageAudience.objects.for_org(story.org).get(message=draft).pinned is None
    assert seen(draft) != read


def test_an_edit_after_approval_voids_it(story: Story) -> None:
    """C-19, C-29"""
    scheduled = story.to("scheduled")
    draft = lifecycle.edit(scheduled, by=story.writer, at=NOW)
    assert (draft.status, draft.approved_version, draft.due_at, draft.hold_until) == (
        "draft",
        None,
        None,
        None,
    )
    version = MessageVersion.objects.for_org(story.org).get()
    assert (version.decision, version.decided_by) == ("void", story.approver)
    assert not DueWork.objects.filter(org=story.org, kind="message").exists()


# In time.


def _dated(story: Story, *, minutes: int) -> Message:
    local = (NOW + timedelta(minutes=minutes)).astimezone(settings_of(story.org).zone)
    made = message(
        campaign(story.org, story.writer),
        story.writer,
        mode="dated",
        send_on=local.date(),
        send_time=local.time(),
    )
    return lifecycle.submit(made, by=story.writer, at=NOW)


def test_approving_within_the_grace_is_in_time(story: Story) -> None:
    """C-27, C-38"""
    waiting = _dated(story, minutes=10)
    late = NOW + timedelta(minutes=70)
    approved = lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=late)
    assert approved.hold_until == late + timedelta(seconds=60)


def test_approving_after_the_grace_is_refused_as_missed_and_both_are_mailed(story: Story) -> None:
    """C-27, C-30"""
    waiting = _dated(story, minutes=10)
    late = NOW + timedelta(minutes=70, seconds=1)
    with pytest.raises(MissedSchedule, match="missed its schedule"):
        lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=late)
    waiting.refresh_from_db()
    assert waiting.status == "awaiting"
    (recipients,) = _mails(story.org, "Campaign message missed its schedule.")
    assert {story.writer.email, story.approver.email} <= set(recipients)


def test_a_lapsed_campaigns_message_cannot_be_approved(story: Story) -> None:
    """C-27"""
    waiting = story.to("awaiting")
    with pytest.raises(MoveRefused, match="over"):
        lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=NOW + timedelta(days=31))


# The hold.


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
    waiting = _dated(story, minutes=10)
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
    assert _mails(story.org, "Campaign message missed its schedule.")
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


# Reject, bulk, mails.


@pytest.mark.parametrize(("reason", "kept"), [("x" * 9, False), ("x" * 10, True), ("x" * 1000, True),
                                              ("x" * 1001, False), ("  short   ", False)])  # fmt: skip
def test_a_rejection_gives_a_reason(story: Story, reason: str, kept: bool) -> None:
    """C-32"""
    waiting = story.to("awaiting")
    if not kept:
        with pytest.raises(MoveRefused, match="10 to 1,000"):
            lifecycle.reject(waiting, by=story.approver, reason=reason, at=NOW)
        return
    rejected = lifecycle.reject(waiting, by=story.approver, reason=reason, at=NOW)
    assert rejected.status_reason == reason
    # It stays visible when the author edits again.
    lifecycle.edit(rejected, by=story.writer, at=NOW)
    version = versions.latest(rejected)
    assert version is not None
    assert (version.decision, version.reason) == ("rejected", reason)


def test_reject_all_takes_one_reason(story: Story) -> None:
    """C-33"""
    waiting = [story.to("awaiting"), story.to("awaiting"), story.to("draft")]
    tried = lifecycle.reject_all(waiting, by=story.approver, reason=LONG_REASON, at=NOW)
    assert [done.status for done in tried.done] == ["rejected", "rejected"]
    assert [refused.pk for refused, _ in tried.refused] == [waiting[2].pk]


def test_approve_all_approves_only_what_was_shown(story: Story) -> None:
    """C-33, C-29"""
    shown, unseen = story.to("awaiting"), story.to("awaiting")
    tried = lifecycle.approve_all([shown, unseen], by=story.approver, seen={shown.pk: seen(shown)}, at=NOW)
    assert [done.pk for done in tried.done] == [shown.pk]
    assert "changed" in tried.refused[0][1]


def test_approval_needs_the_right(story: Story) -> None:
    """C-27, T-12"""
    waiting = story.to("awaiting")
    with pytest.raises(NotAllowed) as refused:
        lifecycle.approve(waiting, by=person(story.org, "marketer"), seen=seen(waiting), at=NOW)
    assert refused.value.right == "message.approve"


def test_the_first_approval_dates_the_campaign_and_later_ones_do_not(story: Story) -> None:
    """C-06, G-07"""
    scheduled = story.to("scheduled")
    frame_of = Campaign.objects.for_org(story.org).get(pk=scheduled.campaign_id)
    assert frame_of.first_approved_at == NOW
    second = message(frame_of, story.writer)
    lifecycle.submit(second, by=story.writer, at=NOW)
    lifecycle.approve(second, by=story.approver, seen=seen(second), at=NOW + timedelta(hours=1))
    frame_of.refresh_from_db()
    assert frame_of.first_approved_at == NOW


@pytest.fixture
def lists(story: Story) -> None:
    OrgSettings.objects.for_org(story.org).update(
        notify_approval="approvals@acme.example\nboss@acme.example",
        notify_failed="alarm@acme.example",
        notify_sent="done@acme.example",
    )


@pytest.mark.usefixtures("lists")
def test_the_mails_have_their_exact_subjects_and_receivers(story: Story) -> None:
    """C-30, T-26"""
    writer, approver, admin = story.writer.email, story.approver.email, story.admin.email
    story.to("rejected")
    story.to("completed")
    story.to("blocked")
    story.to("failed")
    asked = sorted([approver, admin, "approvals@acme.example", "boss@acme.example"])
    assert _mails(story.org, "Alert! Campaign approval needed.") == [asked] * 4
    assert _mails(story.org, "Campaign message rejected.") == [[writer]]
    assert _mails(story.org, "Campaign message approved.") == [[writer]] * 3
    assert _mails(story.org, "Campaign message sent.") == [["done@acme.example"]]
    assert _mails(story.org, "Campaign message needs a decision.") == [
        sorted([admin, approver, "alarm@acme.example"])
    ]
    assert _mails(story.org, "Campaign message failed.") == [sorted([writer, "alarm@acme.example"])]
    notice = Notice.objects.for_org(story.org).filter(subject="Campaign message rejected.").get()
    rejected = Message.objects.for_org(story.org).get(status="rejected")
    for part in (story.org.name, rejected.campaign.name, rejected.title, f"/o/acme/messages/{rejected.pk}/"):
        assert part in notice.body


def test_a_submitter_is_asked_only_when_nobody_else_may_approve(story: Story) -> None:
    """C-30"""
    made = message(campaign(story.org, story.approver), story.approver)
    version_by = lifecycle.submit(made, by=story.approver, at=NOW)
    assert _mails(story.org, "Alert! Campaign approval needed.") == [[story.admin.email]]
    lifecycle.withdraw(version_by, by=story.approver, at=NOW)
    Member.objects.for_org(story.org).filter(user=story.admin).update(status=Member.Status.SUSPENDED)
    lifecycle.submit(made, by=story.approver, at=NOW)
    assert _mails(story.org, "Alert! Campaign approval needed.")[1:] == [[story.approver.email]]


def test_who_waits_is_reminded_once_an_hour_before_and_told_when_it_is_too_late(story: Story) -> None:
    """C-30"""
    waiting = _dated(story, minutes=150)
    row = DueWork.objects.get(org=story.org, kind=lifecycle.APPROVAL_DUE)
    assert row.due_at == NOW + timedelta(minutes=90)
    for _ in range(2):
        reminders.look(story.org.pk, waiting.pk, NOW + timedelta(minutes=90))
    assert len(_mails(story.org, "Reminder: campaign approval needed.")) == 1
    row.refresh_from_db()
    assert row.due_at == NOW + timedelta(minutes=210)
    for _ in range(2):
        reminders.look(story.org.pk, waiting.pk, NOW + timedelta(minutes=210))
    assert len(_mails(story.org, "Campaign message missed its schedule.")) == 1
    assert not DueWork.objects.filter(org=story.org, kind=lifecycle.APPROVAL_DUE).exists()


def test_a_decided_message_is_not_reminded_of(story: Story) -> None:
    """C-30"""
    waiting = _dated(story, minutes=150)
    lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=NOW)
    assert not DueWork.objects.filter(org=story.org, kind=lifecycle.APPROVAL_DUE).exists()
    reminders.look(story.org.pk, waiting.pk, NOW + timedelta(minutes=90))
    assert not _mails(story.org, "Reminder: campaign approval needed.")


def test_promotional_mail_without_an_unsubscribe_link_is_not_submitted(story: Story) -> None:
    """Q-16, C-25, H-14"""
    draft = story.to("draft")
    content = MessageContent.objects.for_org(story.org).get(message=draft)
    content.fields = content.fields | {"html": "<p>Come in.</p><!-- {{ unsubscribe }} -->"}
    content.save()
    with pytest.raises(MoveRefused, match="unsubscribe"):
        lifecycle.submit(draft, by=story.writer, at=timezone.now())


def _someone(org: Org) -> User:
    return person(org, "approver")


def test_a_changed_right_takes_effect_at_the_next_action(story: Story) -> None:
    """Q-11, T-16"""
    waiting = story.to("awaiting")
    someone: Any = _someone(story.org)
    seat_member(
        story.org, someone, roles=[ready_made(story.org, "analyst")], units=None, by=story.admin, at=NOW
    )
    with pytest.raises(NotAllowed):
        lifecycle.approve(waiting, by=someone, seen=seen(waiting), at=NOW)
