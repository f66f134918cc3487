"""Approval: by other eyes, bound to what was read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audiences.models import Audience
from campaigns import editors, frame, lifecycle, versions
from campaigns.lifecycle import Changed, MoveRefused
from campaigns.models import Campaign, Message, MessageAudience, MessageContent, MessageVersion
from engage.orgs.access import NotAllowed
from engage.orgs.founding import ready_made, seat_member
from engage.orgs.models import DueWork, Org, OrgSettings, User
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
