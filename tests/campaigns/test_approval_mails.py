"""Who is written to about a decision, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns import lifecycle, reminders
from campaigns.models import Message
from engage.orgs.models import DueWork, Member, Notice, Org, OrgSettings
from tests.campaigns.factories import (
    Story,
    campaign,
    mails_of,
    message,
    seen,
)
from tests.factories import NOW


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


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
    assert mails_of(story.org, "Alert! Campaign approval needed.") == [asked] * 4
    assert mails_of(story.org, "Campaign message rejected.") == [[writer]]
    assert mails_of(story.org, "Campaign message approved.") == [[writer]] * 3
    assert mails_of(story.org, "Campaign message sent.") == [["done@acme.example"]]
    assert mails_of(story.org, "Campaign message needs a decision.") == [
        sorted([admin, approver, "alarm@acme.example"])
    ]
    assert mails_of(story.org, "Campaign message failed.") == [sorted([writer, "alarm@acme.example"])]
    notice = Notice.objects.for_org(story.org).filter(subject="Campaign message rejected.").get()
    rejected = Message.objects.for_org(story.org).get(status="rejected")
    for part in (story.org.name, rejected.campaign.name, rejected.title, f"/o/acme/messages/{rejected.pk}/"):
        assert part in notice.body


def test_a_submitter_is_asked_only_when_nobody_else_may_approve(story: Story) -> None:
    """C-30"""
    made = message(campaign(story.org, story.approver), story.approver)
    version_by = lifecycle.submit(made, by=story.approver, at=NOW)
    assert mails_of(story.org, "Alert! Campaign approval needed.") == [[story.admin.email]]
    lifecycle.withdraw(version_by, by=story.approver, at=NOW)
    Member.objects.for_org(story.org).filter(user=story.admin).update(status=Member.Status.SUSPENDED)
    lifecycle.submit(made, by=story.approver, at=NOW)
    assert mails_of(story.org, "Alert! Campaign approval needed.")[1:] == [[story.approver.email]]


def test_who_waits_is_reminded_once_an_hour_before_and_told_when_it_is_too_late(story: Story) -> None:
    """C-30"""
    waiting = story.dated(minutes=150)
    row = DueWork.objects.get(org=story.org, kind=lifecycle.APPROVAL_DUE)
    assert row.due_at == NOW + timedelta(minutes=90)
    for _ in range(2):
        reminders.look(story.org.pk, waiting.pk, NOW + timedelta(minutes=90))
    assert len(mails_of(story.org, "Reminder: campaign approval needed.")) == 1
    row.refresh_from_db()
    assert row.due_at == NOW + timedelta(minutes=210)
    for _ in range(2):
        reminders.look(story.org.pk, waiting.pk, NOW + timedelta(minutes=210))
    assert len(mails_of(story.org, "Campaign message missed its schedule.")) == 1
    assert not DueWork.objects.filter(org=story.org, kind=lifecycle.APPROVAL_DUE).exists()


def test_a_decided_message_is_not_reminded_of(story: Story) -> None:
    """C-30"""
    waiting = story.dated(minutes=150)
    lifecycle.approve(waiting, by=story.approver, seen=seen(waiting), at=NOW)
    assert not DueWork.objects.filter(org=story.org, kind=lifecycle.APPROVAL_DUE).exists()
    reminders.look(story.org.pk, waiting.pk, NOW + timedelta(minutes=90))
    assert not mails_of(story.org, "Reminder: campaign approval needed.")
