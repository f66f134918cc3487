"""The one place that assigns `Message.status`: locks, the look into the table, the change, the audit line.

Order of locks, so that no two moves wait for each other: the run's advisory lock, the campaign's row, the message's
row, the audit head. The last stays locked until commit, so whoever moves several messages locks them all first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns import run_lock
from campaigns.lifecycle.guards import open_run_of
from campaigns.lifecycle.moves import Action, Move, Status, find
from campaigns.models import Campaign, Message, Run
from campaigns.situation import Situation
from engage.orgs import audit, due
from engage.orgs.access import Access, NotAllowed, access_of
from engage.orgs.models import OrgSettings, User

# The scheduler looks at a message when it is due, at a waiting one before its time (`reminders`).
MESSAGE_DUE = "message"
APPROVAL_DUE = "approval"


class MoveRefused(Exception):
    """The message may not make this move now; the text is fit for the user."""


def lock(message: Message, *, by: User | None, at: datetime, campaign_too: bool = False) -> Situation:
    """The message as it is now, locked until the transaction ends; with its run, if it has one."""
    org_id, run_id = message.org_id, message.run_id
    if run_id is not None and Run.objects.for_org(org_id).filter(pk=run_id, finished_at=None).exists():
        run_lock.exclusive(run_id)
    campaigns = Campaign.objects.for_org(org_id)
    if campaign_too:
        campaigns = campaigns.select_for_update(no_key=True)
    campaign = campaigns.get(pk=message.campaign_id)
    fresh = Message.objects.for_org(org_id).select_for_update(no_key=True).filter(pk=message.pk).first()
    if fresh is None:
        raise MoveRefused("The message was deleted by someone else.")
    if fresh.run_id != run_id:
        # Its run opened while we waited: taking that lock now could wait for somebody who waits for us.
        raise MoveRefused(f"“{fresh}” changed while you were deciding. It is {said(fresh)} now.")
    settings = OrgSettings.objects.for_org(org_id).get()
    return Situation(fresh, campaign, settings, by, at)


def decide(now: Situation, action: Action, *, access: Access | None = None) -> Move:
    """The line of the table that this move follows.

    Raises `MoveRefused` when the state or a guard forbids it, `NotAllowed` when the right is missing.
    """
    lines = find(now.message.status, action)
    if not lines:
        raise MoveRefused(f"“{now.message}” is {said(now.message)}, so it cannot be {action.value}.")
    if now.by is not None:
        lines = _permitted(now, lines, access or access_of(now.by, now.message.org))
    refusals = []
    for line in lines:
        refusal = next((text for guard in line.guards if (text := guard(now))), None)
        if refusal is None:
            return line
        refusals.append(refusal)
    raise MoveRefused(refusals[0])


def _permitted(now: Situation, lines: Sequence[Move], access: Access | None) -> list[Move]:
    wanted = next((right for line in lines for right in line.rights), "ops.control")
    if access is None or not access.covers(now.campaign.unit_id):
        raise NotAllowed(wanted)
    kept = [line for line in lines if any(access.may(right) for right in line.rights)]
    if not kept:
        raise NotAllowed(wanted)
    return kept


def make(
    now: Situation,
    action: Action,
    to: Status,
    *,
    reason: str = "",
    run_status: Run.Status | None = None,
    **fields: Any,
) -> Message:
    """Make the move: the message, its open run, its due work, the audit line."""
    message, before = now.message, now.message.status
    message.status, message.status_at, message.status_reason = to, now.at, reason[:1000]
    for name, value in fields.items():
        setattr(message, name, value)
    message.updated_at = now.at
    message.revision += 1
    message.save()
    _follow(message, run_status, now.at)
    _date(message)
    audit.record(
        message.org_id,
        f"message.{action.value}",
        by=now.by,
        at=now.at,
        target=message,
        before={"status": before},
        after={"status": to.value},
        reason=reason,
    )
    return message


_RUN_OVER = {Run.Status.STOPPED, Run.Status.COMPLETED, Run.Status.FAILED}


def _follow(message: Message, status: Run.Status | None, at: datetime) -> None:
    """An open run has its message's state, unless the move says otherwise."""
    run = message.run
    if run is None or not open_run_of(message):
        return
    run.status = status or Run.Status(message.status)
    run.reason = message.status_reason[:300]
    if run.status in _RUN_OVER:
        run.finished_at = at
    run.save(update_fields=["status", "reason", "finished_at"])


def _date(message: Message) -> None:
    """Due work follows from the state, so no move can forget it."""
    org_id = message.org_id
    if message.status == Status.SCHEDULED and message.due_at is not None:
        due_at = max(message.due_at, message.hold_until or message.due_at)
        due.set_due(org_id, MESSAGE_DUE, message.pk, due_at)
    else:
        due.clear(org_id, MESSAGE_DUE, message.pk)
    if message.status != Status.AWAITING:
        due.clear(org_id, APPROVAL_DUE, message.pk)


def said(message: Message) -> str:
    """The state in the words of the pages."""
    return str(Status(message.status).label)
