"""Appending to the ledger: outcomes in bulk, with the tally of what was appended, in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, NamedTuple, Self

from django.db import connection

from campaigns import tally
from campaigns.body import Body
from campaigns.dispatch.prepared import Statement
from campaigns.models import Delivery, Run
from channels.protocol import Receipts

State = Delivery.State


class RunKey(NamedTuple):
    """What every row of a run's ledger shares."""

    org: int
    run: int
    run_on: date
    campaign: int
    message: int
    sender: int
    clock_shift: int

    @classmethod
    def of(cls, run: Run) -> Self:
        """Reads the sender from the approved body: select the run with its `version`."""
        body = Body.parse(run.version.body)
        return cls(
            run.org_id, run.pk, run.run_on, run.campaign_id, run.message_id, body.sender.id, run.clock_shift
        )


class Entry(NamedTuple):
    """What became of one recipient. `at`: milliseconds since 1970 by the database's clock, without the run's shift."""

    seq: int
    state: int
    reason: str
    at: int
    attempt: int
    outcome: int = 0
    provider_id: str = ""
    segments: int = 0


# A Sent row's outcome before any receipt (H-36), by what the adapter's provider reports.
FIRST_OUTCOME: Final = {
    Receipts.FULL: Delivery.Outcome.IN_FLIGHT,
    Receipts.BOUNCES: Delivery.Outcome.DELIVERED,
    Receipts.NONE: Delivery.Outcome.NO_REPORT,
}

# COPY is refused under a policy; arrays as ready-made literals cost half of what Python lists do (decisions 14).
_APPEND = """
WITH appended AS (
    INSERT INTO campaigns_delivery
        (org_id, customer_id, run_on, run_id, seq, campaign_id, message_id, slot, variant, arm, channel, state, reason,
         outcome, outcome_reason, sender_id, provider_id, address_key, segments, attempt, due_at, state_at, sent_at,
         delivered_at, anchors_changed_at)
    SELECT r.org_id, r.customer_id, r.run_on, r.run_id, r.seq, %(campaign)s, %(message)s, r.slot, r.variant, r.arm,
           r.channel, x.state, x.reason, nullif(x.outcome, 0), '', %(sender)s, nullif(x.provider_id, ''), r.address_key,
           nullif(x.segments, 0), x.attempt, r.due_at, x.at, CASE WHEN x.state = 1 THEN x.at END,
           CASE WHEN x.outcome = 2 THEN x.at END, statement_timestamp()
    FROM (
        SELECT seq, state, reason, outcome, provider_id, segments, attempt,
               to_timestamp(ms::float / 1000) AS at
        FROM unnest(%(seq)s, %(state)s, %(reason)s, %(outcome)s, %(provider_id)s, %(segments)s, %(attempt)s, %(ms)s)
             AS given(seq, state, reason, outcome, provider_id, segments, attempt, ms)
    ) AS x
    JOIN campaigns_recipient r
      ON r.org_id = %(org)s AND r.run_on = %(run_on)s AND r.run_id = %(run)s AND r.seq = x.seq {near}
    RETURNING slot, channel, variant, arm, state, reason, coalesce(outcome, 0) AS outcome
)
INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
SELECT %(org)s, %(run)s, %(tally)s + row_number() OVER (), slot, channel, variant, arm, state, reason, outcome, count(*)
FROM appended GROUP BY slot, channel, variant, arm, state, reason, outcome
"""
_TYPES: Final = {
    "org": "bigint", "run": "bigint", "run_on": "date", "campaign": "bigint", "message": "bigint", "sender": "bigint",
    "tally": "bigint", "seq": "bigint[]", "state": "smallint[]", "reason": "text[]", "outcome": "smallint[]",
    "provider_id": "text[]", "segments": "smallint[]", "attempt": "smallint[]", "ms": "bigint[]",
}  # fmt: skip
_SCATTERED: Final = Statement(_APPEND.format(near=""), **_TYPES)
# A window's rows lie side by side: one stretch of the queue is read, instead of a look-up a row.
_SIDE_BY_SIDE: Final = Statement(
    _APPEND.format(near="AND r.seq BETWEEN %(low)s AND %(high)s"), low="bigint", high="bigint", **_TYPES
)


def append(key: RunKey, entries: Sequence[Entry]) -> None:
    """Write what became of these recipients, and count it, in a turn's transaction.

    Raises IntegrityError for one that has a row already.
    """
    if not entries:
        return
    seq, state, reason, at, attempt, outcome, provider_id, segments = zip(*entries, strict=True)
    low, high = min(seq), max(seq)
    append_to = _SIDE_BY_SIDE if high - low < 4 * len(seq) else _SCATTERED
    shift = 1000 * key.clock_shift
    with connection.cursor() as cursor:
        append_to.run(
            cursor,
            {
                **key._asdict(),
                "tally": tally.fresh_key(),
                "seq": numbers(seq),
                "state": numbers(state),
                "reason": texts(reason),
                "outcome": numbers(outcome),
                "provider_id": texts(provider_id),
                "segments": numbers(segments),
                "attempt": numbers(attempt),
                "ms": numbers(ms + shift for ms in at),
                "low": low,
                "high": high,
            },
        )


def numbers(values: Iterable[int]) -> str:
    """An array literal of integers."""
    return f"{{{','.join(map(str, map(int, values)))}}}"


def texts(values: Iterable[str]) -> str:
    """An array literal of texts; PostgreSQL takes no NUL, which a provider's answer may hold."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "") for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"
