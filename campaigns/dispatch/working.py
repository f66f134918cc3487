"""One lane from its doorbell to its end: enter, live, and act on what it found."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import sys
from datetime import timedelta

from django.conf import settings
from django.db import connection

from campaigns import finishing, lifecycle
from campaigns.clock import database_now
from campaigns.dispatch import work as works
from campaigns.dispatch.books import Books
from campaigns.dispatch.lane import Lane, Left
from campaigns.dispatch.ledger import State
from campaigns.dispatch.outcomes import FailureRate
from campaigns.dispatch.work import Work
from campaigns.models import Run
from channels.models import Sender
from channels.protocol import Fault, Reason
from engage.orgs.tenancy import org_context

if sys.platform == "win32":
    new_event_loop = asyncio.new_event_loop
else:
    import uvloop

    new_event_loop = uvloop.new_event_loop

logger = logging.getLogger(__name__)

# What a lane found that somebody must look at (C-39).
_BLOCKS = frozenset({"disarmed", "sender_down", "failure_rate"})
# Nobody could work with this sender whatever the message: credentials to renew, an identity to verify (H-39).
_NEEDS_A_PERSON = frozenset({Reason.AUTH_FAILED, Reason.SENDER_REJECTED})
_LONGEST_BACK_OFF = 300.0

_LANES = """
SELECT count(DISTINCT owner) FROM campaigns_chunk
WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed AND lease_until > now()
"""
_LAST_HAND_OVERS = """
SELECT state = %(failed)s FROM (
    SELECT d.state, d.state_at FROM campaigns_delivery d
    JOIN campaigns_message m ON m.org_id = d.org_id AND m.id = d.message_id
    WHERE d.org_id = %(org)s AND d.run_on = %(run_on)s AND d.run_id = %(run)s AND d.seq > 0
      AND d.state IN (%(sent)s, %(failed)s, %(unconfirmed)s) AND d.state_at >= m.status_at
    ORDER BY d.seq DESC LIMIT 200
) AS last ORDER BY state_at
"""


def work_lane(*, org_id: int, run_id: int) -> Left:
    """Hand over a run's queue for a while, if it is Sending and has a place for another lane.

    Call outside any transaction. Safe at any time and any number of times.
    """
    with org_context(org_id):
        run = Run.objects.for_org(org_id).filter(pk=run_id).first()
        if run is None or run.status != Run.Status.SENDING:
            return Left("halted")
        if _lanes(org_id, run_id) >= settings.SEND_LANES:
            return Left("enough")
        work = works.load(org_id, run_id)
        guard = FailureRate(_last_hand_overs(work))
    owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(6)}"
    connection.close()  # the lane has its own; this one would only wait, and perhaps not outlive the wait
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        left = runner.run(_live(work, owner, guard))
    logger.info("lane of run %s left: %s", run_id, left.reason)
    _act_on(work, left)
    finishing.complete_if_done(org_id, run_id)
    return left


async def _live(work: Work, owner: str, guard: FailureRate) -> Left:
    return await Lane(work, Books(work, owner), guard).run()


def _lanes(org_id: int, run_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LANES, {"org": org_id, "run": run_id})
        found: int = cursor.fetchone()[0]
    return found


def _last_hand_overs(work: Work) -> list[bool]:
    """Whether each of the run's last hand-overs was refused; only those since a person last let it go on."""
    params = work.key._asdict() | {
        "sent": State.SENT,
        "failed": State.FAILED,
        "unconfirmed": State.UNCONFIRMED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LAST_HAND_OVERS, params)
        return [row[0] for row in cursor.fetchall()]


def _act_on(work: Work, left: Left) -> None:
    reason = left.reason
    with org_context(work.key.org):
        if left.fault is not None:
            back_off(work, left.fault)
            if left.fault.reason in _NEEDS_A_PERSON:
                reason = "sender_down"
        if reason not in _BLOCKS:
            return
        run = Run.objects.for_org(work.key.org).select_related("message").get(pk=work.key.run)
        at = database_now() + timedelta(seconds=work.key.clock_shift)
        try:
            lifecycle.block(run.message, reason=reason, at=at)
        except lifecycle.MoveRefused as refused:
            logger.info("run %s was not blocked: %s", run.pk, refused)


def back_off(work: Work, fault: Fault) -> None:
    """No lane uses the sender for a while; longer each time as long as the faults go on."""
    now = database_now()
    sender = Sender.objects.for_org(work.key.org).select_for_update(no_key=True).get(pk=work.key.sender)
    until, failed_at = sender.backing_off_until, sender.last_failure_at
    wait = settings.SEND_BACK_OFF_SECONDS
    if until and failed_at and now - until < timedelta(seconds=_LONGEST_BACK_OFF):
        wait = min(2 * (until - failed_at).total_seconds(), _LONGEST_BACK_OFF)
    sender.backing_off_until = max(until or now, now + timedelta(seconds=max(wait, fault.retry_after or 0.0)))
    sender.last_failure = f"{fault.reason}: {fault.detail}"[:300]
    sender.last_failure_at = now
    if fault.reason in _NEEDS_A_PERSON:
        sender.status, sender.status_reason = Sender.Status.FAILING, sender.last_failure
    sender.save(
        update_fields=["backing_off_until", "last_failure", "last_failure_at", "status", "status_reason"]
    )
