"""A message's life as a draft: made, submitted, withdrawn, edited again, deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns import checklist, editors, mails, reminders, versions
from campaigns.lifecycle import engine, guards
from campaigns.lifecycle.engine import MoveRefused
from campaigns.lifecycle.moves import Action, Status
from campaigns.models import Campaign, Message, MessageVersion, Run
from campaigns.situation import Situation
from engage.orgs import audit, due
from engage.orgs.access import NotAllowed, access_of
from engage.orgs.models import OrgSettings, User

Decision = MessageVersion.Decision


@transaction.atomic
def create(campaign: Campaign, *, title: str, by: User, at: datetime, **fields: Any) -> Message:
    """A new draft in a campaign that has not lapsed. The campaign's row is locked, as its end date is read.

    Raises `MoveRefused`, and `NotAllowed` without the right `message.create`.
    """
    access = access_of(by, campaign.org)
    if access is None or not access.may("message.create"):
        raise NotAllowed("message.create")
    campaign = Campaign.objects.for_org(campaign.org_id).select_for_update(no_key=True).get(pk=campaign.pk)
    settings = OrgSettings.objects.for_org(campaign.org_id).get()
    if campaign.archived_at or campaign.status(settings.today(at)) == Campaign.Status.LAPSED:
        raise MoveRefused("The campaign is over, so nothing can be added to it. Extend or duplicate it.")
    message = Message(
        org_id=campaign.org_id,
        campaign=campaign,
        title=title,
        status=Status.DRAFT,
        status_at=at,
        created_by=by,
        created_at=at,
        updated_at=at,
        **{"zone": settings.time_zone} | fields,
    )
    message.save()
    editors.record(message, by, "basics", at=at)
    audit.record(campaign.org_id, "message.created", by=by, at=at, target=message)
    return message


@transaction.atomic
def submit(message: Message, *, by: User, at: datetime, targeted: int | None = None) -> Message:
    """Draft → Awaiting approval: pins audiences and content in an immutable version (C-29), and mails the approvers.

    `targeted` is the count that the author saw; None: not counted. Raises `MoveRefused` with the first blocker (C-25).
    """
    now = engine.lock(message, by=by, at=at)
    move = engine.decide(now, Action.SUBMIT)
    blockers = checklist.blockers(now.message, now.campaign, now.settings, at=at, targeted=targeted)
    if blockers:
        raise MoveRefused(f"Not ready to submit: {blockers[0].text}")
    versions.pin(now.message)
    version = versions.write(now.message, now.campaign, now.settings, by=by, at=at, targeted=targeted)
    submitted = engine.make(now, Action.SUBMIT, move.to or Status.AWAITING)
    reminders.watch(submitted, now.settings, at=at)
    mails.submitted(now, version)
    return submitted


@transaction.atomic
def withdraw(message: Message, *, by: User, at: datetime) -> Message:
    """Awaiting approval → Draft: the request is closed."""
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.WITHDRAW)
    return back_to_draft(now, Action.WITHDRAW)


@transaction.atomic
def edit(message: Message, *, by: User, at: datetime) -> Message:
    """Open a message for changes: back to Draft from any state that allows it; an approval becomes void.

    A draft stays as it is.
    """
    if message.status == Status.DRAFT:
        return message
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.EDIT)
    return back_to_draft(now, Action.EDIT)


def recall(message: Message, *, by: User, at: datetime) -> Message:
    """A waiting message → Draft, because its campaign changed beneath it (C-06). Any other stays as it is.

    The right is the campaign's, which the caller has checked.
    """
    now = engine.lock(message, by=by, at=at)
    if now.message.status != Status.AWAITING:
        return now.message
    return back_to_draft(now, Action.EDIT, reason="The campaign was changed.")


def back_to_draft(now: Situation, action: Action, *, reason: str = "") -> Message:
    """What every way back to Draft does: the request is closed or the approval void, and the pins are lifted."""
    message = now.message
    open_versions = MessageVersion.objects.for_org(message.org_id).filter(message=message)
    open_versions.filter(decision=Decision.WAITING).update(decision=Decision.WITHDRAWN)
    open_versions.filter(decision=Decision.APPROVED).update(decision=Decision.VOID)
    versions.unpin(message)
    closed = Run.Status.STOPPED if guards.open_run_of(message) else None
    return engine.make(
        now,
        action,
        Status.DRAFT,
        reason=reason,
        run_status=closed,
        approved_version=None,
        approved_count=None,
        due_at=None,
        hold_until=None,
        paused_from="",
    )


@transaction.atomic
def delete(message: Message, *, by: User, at: datetime) -> None:
    """Remove a message that never had a run (C-20). An approval goes with it; the campaign's goal stays locked."""
    now = engine.lock(message, by=by, at=at)
    access = access_of(by, now.message.org)
    if access is None or not access.may("message.create"):
        raise NotAllowed("message.create")
    if now.message.run_id is not None:
        raise MoveRefused(
            f"“{now.message}” has had a run, so its results are kept. Only its campaign can be archived."
        )
    audit.record(
        now.message.org_id,
        "message.deleted",
        by=by,
        at=at,
        target=now.message,
        before={"status": now.message.status},
    )
    forget(now.message)


def forget(message: Message) -> None:
    """Remove a message's rows and its due work. The caller has seen that it never ran, and writes the audit line."""
    for kind in (engine.MESSAGE_DUE, engine.APPROVAL_DUE):
        due.clear(message.org_id, kind, message.pk)
    versions.unpin(message)
    # The message and its approved version point at each other.
    Message.objects.for_org(message.org_id).filter(pk=message.pk).update(approved_version=None)
    message.delete()
