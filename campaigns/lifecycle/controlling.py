"""What people do to a message that was approved: undo, pause, resume, stop, continue, reschedule, retry.

The state changes at once; that nothing more leaves is told by `campaigns.halting` (C-44).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from campaigns import schedule
from campaigns.lifecycle import engine, guards
from campaigns.lifecycle.engine import MoveRefused
from campaigns.lifecycle.moves import Action, Status
from campaigns.lifecycle.writing import back_to_draft
from campaigns.models import Message, Run
from engage.orgs.models import User


@transaction.atomic
def unschedule(message: Message, *, by: User, at: datetime) -> Message:
    """Scheduled → Draft; the approval is void. The Undo of the hold is this (C-34)."""
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.UNSCHEDULE)
    return back_to_draft(now, Action.UNSCHEDULE)


@transaction.atomic
def pause(message: Message, *, by: User, at: datetime) -> Message:
    """Preparing or Sending → Paused. Unclaimed rows stay Queued."""
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.PAUSE)
    return engine.make(now, Action.PAUSE, Status.PAUSED, paused_from=now.message.status)


@transaction.atomic
def resume(message: Message, *, by: User, at: datetime) -> Message:
    """Paused → where it was. Goes on with Queued rows only; every gate is checked anew (C-45)."""
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.RESUME)
    return engine.make(now, Action.RESUME, Status(now.message.paused_from), paused_from="")


@transaction.atomic
def stop(message: Message, *, by: User, at: datetime) -> Message:
    """→ Stopped. What is Queued becomes Cancelled `stopped`; what is handed over cannot be recalled."""
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.STOP)
    return engine.make(now, Action.STOP, Status.STOPPED, reason="stopped", hold_until=None, paused_from="")


@transaction.atomic
def continue_(message: Message, *, by: User, at: datetime, seen: str | None = None) -> Message:
    """Blocked → where it was; without an open run → Scheduled, held for 60 seconds.

    `seen` is the cause that the page showed: another one by now is refused. None: not asked (a person's page always
    gives it).
    """
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.CONTINUE)
    cause = now.message.status_reason
    if seen is not None and seen != cause:
        raise MoveRefused("It is blocked for another reason by now. Look at it before you continue.")
    if guards.open_run_of(now.message):
        return engine.make(now, Action.CONTINUE, Status(now.message.paused_from), paused_from="")
    due_at, hold_until = schedule.relaunch(now.campaign, now.settings, at=at)
    return engine.make(
        now, Action.CONTINUE, Status.SCHEDULED, paused_from="", due_at=due_at, hold_until=hold_until
    )


@transaction.atomic
def reschedule(message: Message, *, by: User, at: datetime) -> Message:
    """Blocked → Draft, of a one-off that sent nothing; the approval is void."""
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.RESCHEDULE)
    return back_to_draft(now, Action.RESCHEDULE, reason="rescheduled")


@transaction.atomic
def retry(message: Message, *, by: User, at: datetime) -> Message:
    """Failed → Preparing, when nothing was handed over: the same run begins anew."""
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.RETRY)
    Run.objects.for_org(message.org_id).filter(pk=now.message.run_id).update(  # type: ignore[misc]  # never None here
        finished_at=None, frozen_at=None, freeze_owner="", freeze_lease_until=None
    )
    now.message.refresh_from_db(fields=["run"])
    return engine.make(now, Action.RETRY, Status.PREPARING)


@transaction.atomic
def reopen(message: Message, *, by: User, at: datetime) -> Message:
    """Completed → Sending: a person released rows whose outcome nobody knew (C-23). The caller holds the run's lock."""
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.REOPEN)
    Run.objects.for_org(message.org_id).filter(pk=now.message.run_id).update(finished_at=None)  # type: ignore[misc]  # never None here
    now.message.refresh_from_db(fields=["run"])
    return engine.make(now, Action.REOPEN, Status.SENDING)
