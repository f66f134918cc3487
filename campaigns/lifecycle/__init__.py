"""Every way a message changes status (C-19). Nothing else assigns `Message.status`.

The table is `moves.TABLE`; each verb below locks the message, asks the table, makes the move and writes its effects.
`MoveRefused` says why not, in words fit for the user; `NotAllowed` names the missing right.
"""

from __future__ import annotations

from datetime import datetime

from campaigns.lifecycle import guards
from campaigns.lifecycle.controlling import (
    continue_,
    pause,
    reopen,
    reschedule,
    resume,
    retry,
    stop,
    unschedule,
)
from campaigns.lifecycle.deciding import (
    Changed,
    MissedSchedule,
    Tried,
    approve,
    approve_all,
    reject,
    reject_all,
)
from campaigns.lifecycle.engine import APPROVAL_DUE, MESSAGE_DUE, MoveRefused
from campaigns.lifecycle.moves import TABLE, Action, Move
from campaigns.lifecycle.running import (
    SCHEDULE_MISSED,
    begin_sending,
    block,
    complete,
    end_with_campaign,
    fail,
    is_past_grace,
    miss,
    open_run,
)
from campaigns.lifecycle.writing import create, delete, edit, forget, recall, submit, withdraw
from campaigns.models import Campaign, Message
from campaigns.situation import Situation
from engage.orgs.access import Access
from engage.orgs.models import OrgSettings


def offers(
    message: Message, campaign: Campaign, settings: OrgSettings, *, access: Access, at: datetime
) -> dict[Action, str]:
    """The moves that this member may try now, each with why it would be refused ("" where it would not).

    A move that only another kind of message can make is none.
    """
    now = Situation(message, campaign, settings, access.user, at)
    found: dict[Action, str] = {}
    for move in TABLE:
        if move.action is Action.REOPEN:
            continue  # no button: the release of a row makes it
        if any(guard(now) for guard in move.guards if guard in guards.OF_KIND):
            continue
        if message.status in move.sources and any(access.may(right) for right in move.rights):
            refusal = next((text for guard in move.guards if (text := guard(now))), "")
            found[move.action] = min(found.get(move.action, refusal), refusal, key=len)
    return found


__all__ = [
    "APPROVAL_DUE",
    "MESSAGE_DUE",
    "SCHEDULE_MISSED",
    "TABLE",
    "Action",
    "Changed",
    "MissedSchedule",
    "Move",
    "MoveRefused",
    "Situation",
    "Tried",
    "approve",
    "approve_all",
    "begin_sending",
    "block",
    "complete",
    "continue_",
    "create",
    "delete",
    "edit",
    "end_with_campaign",
    "fail",
    "forget",
    "guards",
    "is_past_grace",
    "miss",
    "offers",
    "open_run",
    "pause",
    "recall",
    "reject",
    "reject_all",
    "reopen",
    "reschedule",
    "resume",
    "retry",
    "stop",
    "submit",
    "unschedule",
    "withdraw",
]
