"""Waiting for approval while time runs out: a reminder 60 minutes before, and word when it is too late (C-30)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from campaigns import mails, schedule
from campaigns.models import Message, MessageVersion
from engage.orgs import due
from engage.orgs.models import DueWork, OrgSettings
from engage.orgs.tenancy import org_context

DUE_KIND: Final = "approval"
BEFORE: Final = timedelta(minutes=60)


def watch(message: Message, settings: OrgSettings, *, at: datetime) -> None:
    """Have a submitted message looked at before its time; without one there is nothing to remind of."""
    planned = schedule.planned_at(message)
    if planned is None:
        return
    first = planned - BEFORE
    due.set_due(message.org_id, DUE_KIND, message.pk, first if first > at else _too_late(planned, settings))


def look(org_id: int, message_id: int, at: datetime) -> None:
    """Remind of a message that still waits, or say that its time is over; each once. Safe to repeat."""
    with org_context(org_id):
        message = (
            Message.objects.for_org(org_id)
            .select_for_update(no_key=True, of=("self",))
            .select_related("campaign")
            .filter(pk=message_id, status=Message.Status.AWAITING)
            .first()
        )
        if not DueWork.objects.filter(org_id=org_id, kind=DUE_KIND, ref_id=message_id).exists():
            return  # a doubled bell: the last word was said
        planned = schedule.planned_at(message) if message else None
        if message is None or planned is None:
            due.clear(org_id, DUE_KIND, message_id)
            return
        settings = OrgSettings.objects.for_org(org_id).get()
        version = MessageVersion.objects.for_org(org_id).get(
            message=message, decision=MessageVersion.Decision.WAITING
        )
        if at >= _too_late(planned, settings):
            mails.missed(message, at=at)
            due.clear(org_id, DUE_KIND, message_id)
            return
        if version.reminded_at is None:
            version.reminded_at = at
            version.save(update_fields=["reminded_at"])
            mails.reminder(message, message.campaign, settings, version, at=at)
        due.set_due(org_id, DUE_KIND, message_id, _too_late(planned, settings))


def _too_late(planned: datetime, settings: OrgSettings) -> datetime:
    return planned + timedelta(minutes=settings.missed_grace_minutes)
