"""The system's moves. The dispatcher and the scheduler call them; `at` is the database's clock plus the run's shift."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from campaigns import brand_copies, mails
from campaigns.lifecycle import engine
from campaigns.lifecycle.engine import MoveRefused
from campaigns.lifecycle.moves import Action, Status
from campaigns.models import Message, Occurrence, Run

SCHEDULE_MISSED = "schedule_missed"


@transaction.atomic
def open_run(message: Message, *, at: datetime, clock_shift: int = 0) -> Run:
    """Scheduled → Preparing: makes the occurrence and its run, once a local date.

    Raises `MoveRefused` when it is not due, held, not Live, halted, or no longer Scheduled. A due time past the grace
    is not opened: call `miss`. `clock_shift` (seconds) is for the demo's simulated campaigns only.
    """
    now = engine.lock(message, by=None, at=at)
    engine.decide(now, Action.DUE)
    message = now.message
    if is_past_grace(message, grace_minutes=now.settings.missed_grace_minutes, at=at):
        raise MoveRefused(f"“{message}” was due too long ago; it waits for somebody's decision.")
    if clock_shift and not now.campaign.simulated:
        raise MoveRefused("Only a simulated campaign may run at another time.")
    due_at = message.due_at or at
    run = Run.objects.create(
        org_id=message.org_id,
        campaign=now.campaign,
        message=message,
        version=message.approved_version,
        run_on=due_at.astimezone(ZoneInfo(message.zone)).date(),
        due_at=due_at,
        created_at=at,
        simulated=now.campaign.simulated,
        clock_shift=clock_shift,
    )
    Occurrence.objects.create(
        org_id=message.org_id,
        message=message,
        version=message.approved_version,
        local_on=run.run_on,
        run=run,
        due_at=due_at,
        created_at=at,
    )
    engine.make(now, Action.DUE, Status.PREPARING, run=run, hold_until=None)
    return run


def is_past_grace(message: Message, *, grace_minutes: int, at: datetime) -> bool:
    """Whether a Scheduled message was found too late to run (C-38)."""
    launch_at = max(message.due_at or at, message.hold_until or message.due_at or at)
    return at > launch_at + timedelta(minutes=grace_minutes)


@transaction.atomic
def miss(message: Message, *, at: datetime) -> Message:
    """Scheduled → Blocked `schedule_missed`: found later than the grace, it never sends by itself (Q-06)."""
    now = engine.lock(message, by=None, at=at)
    engine.decide(now, Action.BLOCK)
    if now.message.status != Status.SCHEDULED or not is_past_grace(
        now.message, grace_minutes=now.settings.missed_grace_minutes, at=at
    ):
        raise MoveRefused(f"“{now.message}” has not missed its schedule.")
    missed = engine.make(now, Action.BLOCK, Status.BLOCKED, reason=SCHEDULE_MISSED, hold_until=None)
    mails.missed(missed, at=at)
    return missed


@transaction.atomic
def begin_sending(run: Run, *, at: datetime) -> Message:
    """Preparing → Sending: the ledger of the run is written. Its brand copies are due with its first rows."""
    now = engine.lock(run.message, by=None, at=at)
    engine.decide(now, Action.BEGIN)
    brand_copies.plan(run)
    Run.objects.for_org(run.org_id).filter(pk=run.pk, started_at=None).update(started_at=at)
    return engine.make(now, Action.BEGIN, Status.SENDING)


@transaction.atomic
def block(message: Message, *, reason: str, at: datetime) -> Message:
    """Preparing or Sending → Blocked, as a pause with a cause that somebody must look at (C-39); mailed."""
    now = engine.lock(message, by=None, at=at)
    engine.decide(now, Action.BLOCK)
    blocked = engine.make(now, Action.BLOCK, Status.BLOCKED, reason=reason, paused_from=now.message.status)
    mails.blocked(now, reason)
    return blocked


@transaction.atomic
def fail(run: Run, *, reason: str, at: datetime) -> Message:
    """Preparing → Failed: nothing was handed over; mailed."""
    now = engine.lock(run.message, by=None, at=at)
    engine.decide(now, Action.FAIL)
    failed = engine.make(now, Action.FAIL, Status.FAILED, reason=reason)
    mails.failed(now, reason)
    return failed


@transaction.atomic
def complete(run: Run, *, at: datetime) -> Message:
    """Sending → Completed. The caller has seen, under the run's lock, that no row is Queued or Handing over."""
    now = engine.lock(run.message, by=None, at=at)
    engine.decide(now, Action.COMPLETE)
    completed = engine.make(now, Action.COMPLETE, Status.COMPLETED)
    mails.completed(now)
    return completed


@transaction.atomic
def end_with_campaign(message: Message, *, at: datetime) -> Message:
    """An open message → Stopped, because its campaign is over; Queued rows become Cancelled `campaign_ended`."""
    now = engine.lock(message, by=None, at=at)
    engine.decide(now, Action.END)
    return engine.make(now, Action.END, Status.STOPPED, reason="campaign_ended", paused_from="")
