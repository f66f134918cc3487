"""How a run ends: complete when nothing is queued or in a lane's hands, or emptied after a stop (C-19, C-44)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import connection

from campaigns import lifecycle, run_lock, tally
from campaigns.clock import database_now
from campaigns.dispatch.ledger import RunKey
from campaigns.dispatch.recovery import settle_chunk
from campaigns.models import Run
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

_IS_DONE = """
SELECT NOT EXISTS (SELECT FROM campaigns_chunk WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed)
   AND NOT EXISTS (SELECT FROM campaigns_retry WHERE org_id = %(org)s AND run_id = %(run)s)
"""
# A chunk that no lane holds: its epoch is raised first, so that a lane which wakes up late is refused.
_TAKE = """
WITH free AS (
    SELECT no FROM campaigns_chunk
    WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed AND (lease_until IS NULL OR lease_until < now())
    ORDER BY no LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE campaigns_chunk c SET epoch = c.epoch + 1
FROM free WHERE c.org_id = %(org)s AND c.run_id = %(run)s AND c.no = free.no
RETURNING c.no, c.first_seq, c.last_seq, c.intent_hi
"""
_APPEND_CANCELLED = """
appended AS (
    INSERT INTO campaigns_delivery
        (org_id, customer_id, run_on, run_id, seq, campaign_id, message_id, slot, variant, arm, channel, state, reason,
         outcome_reason, sender_id, address_key, attempt, due_at, state_at, anchors_changed_at)
    SELECT r.org_id, r.customer_id, r.run_on, r.run_id, r.seq, %(campaign)s, %(message)s, r.slot, r.variant, r.arm,
           r.channel, 6, %(reason)s, '', %(sender)s, r.address_key, gone.attempt, r.due_at,
           statement_timestamp() + make_interval(secs => %(clock_shift)s), statement_timestamp()
    FROM gone JOIN campaigns_recipient r
      ON r.org_id = %(org)s AND r.run_on = %(run_on)s AND r.run_id = %(run)s AND r.seq = gone.seq
    RETURNING slot, channel, variant, arm
), counted AS (
    INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
    SELECT %(org)s, %(run)s, %(tally)s + row_number() OVER (), slot, channel, variant, arm, 6, %(reason)s, 0, count(*)
    FROM appended GROUP BY slot, channel, variant, arm
)
"""
_CANCEL_CHUNK = f"""
WITH gone AS (SELECT generate_series(%(low)s, %(high)s) AS seq, 0 AS attempt), {_APPEND_CANCELLED}
UPDATE campaigns_chunk c
SET intent_hi = c.last_seq, done = c.last_seq - c.first_seq + 1, owner = '', lease_until = NULL, draining = false,
    closed = true
WHERE c.org_id = %(org)s AND c.run_id = %(run)s AND c.no = %(no)s
"""
_CANCEL_RETRIES = f"""
WITH gone AS (
    DELETE FROM campaigns_retry w USING (
        SELECT seq FROM campaigns_retry
        WHERE org_id = %(org)s AND run_id = %(run)s AND NOT announced
        ORDER BY seq LIMIT 5000 FOR UPDATE SKIP LOCKED
    ) AS waiting
    WHERE w.org_id = %(org)s AND w.run_id = %(run)s AND w.seq = waiting.seq
    RETURNING w.seq, w.attempt
), {_APPEND_CANCELLED}
SELECT count(*) FROM gone
"""


def complete_if_done(org_id: int, run_id: int) -> bool:
    """Complete a Sending run of which no row is Queued or Handing over. Never by comparing sums."""
    with org_context(org_id):
        run_lock.exclusive(run_id)
        run = Run.objects.for_org(org_id).select_related("message").get(pk=run_id)
        if run.status != Run.Status.SENDING or not is_done(org_id, run_id):
            return False
        tally.fold(org_id, run_id)
        lifecycle.complete(run, at=database_now() + timedelta(seconds=run.clock_shift))
    return True


def is_done(org_id: int, run_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_IS_DONE, {"org": org_id, "run": run_id})
        return bool(cursor.fetchone()[0])


def cancel_queued(key: RunKey, reason: str) -> bool:
    """Make Cancelled what a stopped run still has queued, a chunk or some thousand retries a transaction.

    Skips what a lane still holds. True: a slice was done, call again. Call outside any transaction.
    """
    params: dict[str, Any] = {**key._asdict(), "reason": reason}
    with org_context(key.org), connection.cursor() as cursor:
        cursor.execute(_TAKE, params)
        chunk = cursor.fetchone()
        if chunk is not None:
            no, first, last, intent_hi = chunk
            settle_chunk(key, no=no, first=first, intent_hi=intent_hi)
            cursor.execute(
                _CANCEL_CHUNK,
                {**params, "tally": tally.fresh_key(), "no": no, "low": intent_hi + 1, "high": last},
            )
        cursor.execute(_CANCEL_RETRIES, {**params, "tally": tally.fresh_key()})
        cancelled = cursor.fetchone()[0]
    return chunk is not None or cancelled > 0
