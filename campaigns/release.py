"""An approver decides that an Unconfirmed row is sent once more, knowing that the customer may get it twice (C-23).

A report about the first hand-over that comes before the release refuses it, here; one that comes later takes the row
out of the queue again (`receipts.recall`, which says what happens in every order).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from campaigns import lifecycle, run_lock, scheduling, tally
from campaigns.lifecycle import MoveRefused
from campaigns.models import Delivery, Recipient, Run
from campaigns.receipts import parked
from engage.orgs import audit, due
from engage.orgs.access import Access, NotAllowed

# A report may still prove what became of it.
WAIT: Final = timedelta(hours=1)
RIGHT: Final = "message.approve"
_OPEN: Final = (Run.Status.SENDING, Run.Status.PAUSED, Run.Status.BLOCKED)

# The row leaves the ledger for `retry`; `done` of its chunk counts both, so it stays. The tally follows in the same
# statement.
_RELEASE = """
WITH gone AS (
    DELETE FROM campaigns_delivery
    WHERE org_id = %(org)s AND customer_id = %(customer)s AND run_on = %(run_on)s AND run_id = %(run)s
      AND seq = %(seq)s AND state = %(unconfirmed)s
    RETURNING *
), waiting AS (
    INSERT INTO campaigns_retry
        (org_id, run_id, seq, run_on, attempt, not_before, reason, owner, epoch, announced, draining)
    SELECT org_id, run_id, seq, run_on, attempt, statement_timestamp(), 'released', '', 0, false, false FROM gone
)
INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
SELECT org_id, run_id, %(tally)s, slot, channel, variant, arm, state, reason, 0, -1 FROM gone
"""


@transaction.atomic
def release(run: Run, seq: int, *, by: Access, at: datetime) -> Run:
    """Unconfirmed → Queued, at the earliest an hour after; a completed run reopens. Call inside the org's context.

    `at` is the server's clock. Raises `MoveRefused`, or `NotAllowed`. The gates judge the row anew at its turn.
    """
    run_lock.exclusive(run.pk)
    run = Run.objects.for_org(run.org_id).select_related("message", "campaign").get(pk=run.pk)
    if not (by.may(RIGHT) and by.covers(run.campaign.unit_id)):
        raise NotAllowed(RIGHT)
    rows = Delivery.objects.for_org(run.org_id).filter(run_on=run.run_on, run_id=run.pk, seq=seq)
    shifted = at + timedelta(seconds=run.clock_shift)
    row = _releasable(run, rows.select_for_update().first(), shifted)
    if run.status == Run.Status.COMPLETED:
        lifecycle.reopen(run.message, by=by.user, at=shifted)
    with connection.cursor() as cursor:
        cursor.execute(
            _RELEASE,
            {
                "org": run.org_id,
                "customer": row.customer_id,
                "run_on": run.run_on,
                "run": run.pk,
                "seq": seq,
                "unconfirmed": Delivery.State.UNCONFIRMED,
                "tally": tally.fresh_key(),
            },
        )
    due.set_due(run.org_id, scheduling.SEND_DUE, 0, at)
    audit.record(
        run.org_id, "delivery.released", by=by.user, at=at, target=run,
        after={"seq": seq, "customer": row.customer_id},
    )  # fmt: skip
    return run


def _releasable(run: Run, row: Delivery | None, at: datetime) -> Delivery:
    """The row, if it may be released. Raises `MoveRefused`. `at` is on the run's own clock."""
    if row is None:
        raise MoveRefused("There is no such row, or it was released already.")
    if row.state != Delivery.State.UNCONFIRMED:
        raise MoveRefused(f"It is {Delivery.State(row.state).label} by now.")
    if at - row.state_at < WAIT:
        raise MoveRefused("Wait until an hour has passed: a report may still prove that it arrived.")
    if run.message.run_id != run.pk:
        raise MoveRefused("The message has a newer run; this one cannot be opened again.")
    if run.status not in (*_OPEN, Run.Status.COMPLETED):
        raise MoveRefused(f"The run is {Run.Status(run.status).label}; nothing more leaves from it.")
    if parked.speaks_of(run, row.seq, row.sender_id):
        raise MoveRefused("A report about it has just come in and is being read. Look again in a minute.")
    queue = Recipient.objects.for_org(run.org_id).filter(run_on=run.run_on, run_id=run.pk, seq=row.seq)
    if not queue.exists():
        raise MoveRefused("The run's queue is gone; send a new message instead.")
    return row
