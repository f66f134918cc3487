"""C-19 as data: from where, by which action, to where, who, and what must hold.

Read it beside the table of the specification, line by line. Nothing outside this package knows which state follows
which: pages ask `lifecycle.offers` for their buttons, the verbs ask `find`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from campaigns.lifecycle import guards
from campaigns.lifecycle.guards import Guard
from campaigns.models import Message

Status = Message.Status


class Action(StrEnum):
    """What a person or the system does to a message. The value completes "it cannot be …" and names the audit entry."""

    SUBMIT = "submitted"
    WITHDRAW = "withdrawn"
    EDIT = "edited"
    APPROVE = "approved"
    REJECT = "rejected"
    UNSCHEDULE = "unscheduled"
    RESCHEDULE = "rescheduled"
    PAUSE = "paused"
    RESUME = "resumed"
    STOP = "stopped"
    CONTINUE = "continued"
    RETRY = "retried"
    REOPEN = "reopened"
    # By the system only.
    DUE = "started"
    BEGIN = "begun"
    BLOCK = "blocked"
    FAIL = "failed"
    COMPLETE = "completed"
    END = "ended"


@dataclass(frozen=True)
class Move:
    """One line of the table. `to` None is "where it was"; any one of `rights` is enough, none is the system's."""

    sources: frozenset[Status]
    action: Action
    to: Status | None
    rights: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()


def _move(
    sources: Iterable[Status], action: Action, to: Status | None, *rights: str, when: tuple[Guard, ...] = ()
) -> Move:
    return Move(frozenset(sources), action, to, rights, when)


_APPROVER: Final = "message.approve"
_WRITER: Final = "message.create"
_CONTROL: Final = "message.control"

TABLE: Final = (
    _move([Status.DRAFT], Action.SUBMIT, Status.AWAITING, "message.submit", when=(guards.unlapsed,)),
    _move([Status.AWAITING], Action.WITHDRAW, Status.DRAFT, _WRITER),
    _move([Status.AWAITING], Action.EDIT, Status.DRAFT, _WRITER),
    _move([Status.AWAITING], Action.REJECT, Status.REJECTED, _APPROVER),
    _move(
        [Status.AWAITING],
        Action.APPROVE,
        Status.SCHEDULED,
        _APPROVER,
        when=(guards.unlapsed, guards.four_eyes),
    ),
    _move([Status.REJECTED], Action.EDIT, Status.DRAFT, _WRITER),
    _move(
        [Status.SCHEDULED], Action.UNSCHEDULE, Status.DRAFT, _WRITER, _APPROVER, when=(guards.no_open_run,)
    ),
    _move([Status.SCHEDULED], Action.EDIT, Status.DRAFT, _WRITER, _APPROVER, when=(guards.no_open_run,)),
    _move([Status.SCHEDULED], Action.DUE, Status.PREPARING, when=(guards.is_due, guards.live, guards.armed)),
    _move([Status.SCHEDULED], Action.BLOCK, Status.BLOCKED),
    _move([Status.SCHEDULED], Action.COMPLETE, Status.COMPLETED, when=(guards.recurring,)),
    _move([Status.PREPARING], Action.BEGIN, Status.SENDING),
    _move([Status.PREPARING], Action.BLOCK, Status.BLOCKED),
    _move([Status.PREPARING], Action.FAIL, Status.FAILED, when=(guards.nothing_begun,)),
    _move([Status.SCHEDULED], Action.PAUSE, Status.PAUSED, _WRITER, _CONTROL, when=(guards.recurring,)),
    _move([Status.PREPARING, Status.SENDING], Action.PAUSE, Status.PAUSED, _WRITER, _CONTROL),
    _move([Status.PAUSED], Action.RESUME, None, _CONTROL, when=(guards.unlapsed,)),
    _move([Status.SENDING], Action.BLOCK, Status.BLOCKED),
    _move([Status.BLOCKED], Action.CONTINUE, None, _APPROVER, when=(guards.unlapsed,)),
    _move(
        [Status.BLOCKED],
        Action.CONTINUE,
        None,
        "ops.control",
        when=(guards.unlapsed, guards.technical_cause),
    ),
    _move(
        [Status.BLOCKED],
        Action.RESCHEDULE,
        Status.DRAFT,
        _APPROVER,
        when=(guards.one_off, guards.nothing_begun),
    ),
    _move(
        [Status.SCHEDULED, Status.PREPARING, Status.SENDING, Status.PAUSED, Status.BLOCKED],
        Action.STOP,
        Status.STOPPED,
        _CONTROL,
    ),
    _move(
        [Status.PREPARING, Status.SENDING, Status.PAUSED, Status.BLOCKED],
        Action.END,
        Status.STOPPED,
        when=(guards.campaign_over,),
    ),
    # Recurring with a next run goes back to Scheduled instead; `running.complete` decides.
    _move([Status.SENDING], Action.COMPLETE, Status.COMPLETED),
    _move([Status.STOPPED], Action.EDIT, Status.DRAFT, _WRITER, when=(guards.recurring, guards.unlapsed)),
    _move(
        [Status.FAILED], Action.RETRY, Status.PREPARING, _CONTROL, when=(guards.nothing_begun, guards.live)
    ),
    _move([Status.FAILED], Action.EDIT, Status.DRAFT, _WRITER, when=(guards.nothing_begun,)),
    # By the release of an Unconfirmed row only (C-23).
    _move([Status.COMPLETED], Action.REOPEN, Status.SENDING, _APPROVER, when=(guards.unlapsed, guards.armed)),
)


def find(status: str, action: Action) -> list[Move]:
    """The lines of the table for this action in this state; none means that it is refused."""
    return [move for move in TABLE if move.action is action and status in move.sources]
