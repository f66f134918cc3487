"""Who owns what: chunks by lease and epoch, retry rows likewise. Every statement here locks what it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from campaigns.dispatch.ledger import RunKey, numbers, texts
from campaigns.dispatch.prepared import Statement

_CLAIM = """
WITH next AS (
    SELECT no, owner <> '' AS left_open FROM campaigns_chunk
    WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed AND intent_hi < last_seq
      AND not_before <= now() AND (not_after IS NULL OR not_after > now())
      AND (lease_until IS NULL OR lease_until < now())
    ORDER BY not_before, no LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE campaigns_chunk c
SET owner = %(owner)s, epoch = c.epoch + 1, lease_until = now() + %(lease)s * interval '1 second', draining = false
FROM next WHERE c.org_id = %(org)s AND c.run_id = %(run)s AND c.no = next.no
RETURNING c.no, c.epoch, c.first_seq, c.last_seq, c.intent_hi, next.left_open
"""
_HELD = Statement(
    """
SELECT c.no FROM unnest(%(no)s, %(epoch)s) AS held(no, epoch)
JOIN campaigns_chunk c ON c.org_id = %(org)s AND c.run_id = %(run)s AND c.no = held.no AND c.epoch = held.epoch
FOR UPDATE OF c
""",
    org="bigint", run="bigint", no="int[]", epoch="int[]",
)  # fmt: skip
_ADVANCE = Statement(
    """
UPDATE campaigns_chunk c
SET intent_hi = x.intent_hi, done = c.done + x.done, draining = x.draining,
    owner = CASE WHEN x.released THEN '' ELSE c.owner END,
    lease_until = CASE WHEN x.released THEN NULL ELSE now() + %(lease)s * interval '1 second' END,
    closed = x.released AND x.intent_hi = c.last_seq AND c.done + x.done = c.last_seq - c.first_seq + 1
FROM unnest(%(no)s, %(intent_hi)s, %(done)s, %(draining)s, %(released)s) AS x(no, intent_hi, done, draining, released)
WHERE c.org_id = %(org)s AND c.run_id = %(run)s AND c.no = x.no
""",
    org="bigint", run="bigint", lease="float", no="int[]", intent_hi="bigint[]", done="bigint[]", draining="bool[]",
    released="bool[]",
)  # fmt: skip
_ANNOUNCE_RETRIES = """
WITH due AS (
    SELECT seq FROM campaigns_retry w
    WHERE org_id = %(org)s AND run_id = %(run)s AND NOT announced AND not_before <= now()
      AND NOT EXISTS (SELECT FROM campaigns_parkedreceipt p
                      WHERE p.org_id = %(org)s AND p.run_id = %(run)s AND p.seq = w.seq
                        AND p.sender_id IN (0, %(sender)s))
    ORDER BY not_before, seq LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE campaigns_retry r
SET announced = true, owner = %(owner)s, epoch = r.epoch + 1, draining = false,
    lease_until = now() + %(lease)s * interval '1 second'
FROM due WHERE r.org_id = %(org)s AND r.run_id = %(run)s AND r.seq = due.seq
RETURNING r.seq, r.epoch, r.attempt
"""
_HELD_RETRIES = """
SELECT seq FROM campaigns_retry
WHERE org_id = %(org)s AND run_id = %(run)s AND announced
  AND (seq, epoch) IN (SELECT * FROM unnest(%(seq)s::bigint[], %(epoch)s::int[]))
ORDER BY seq FOR UPDATE
"""
_RENEW_RETRIES = """
UPDATE campaigns_retry SET lease_until = now() + %(lease)s * interval '1 second', draining = %(draining)s
WHERE org_id = %(org)s AND run_id = %(run)s AND seq = ANY(%(seq)s::bigint[])
"""
_DROP_RETRIES = """
DELETE FROM campaigns_retry WHERE org_id = %(org)s AND run_id = %(run)s AND seq = ANY(%(seq)s::bigint[])
"""
_QUEUE_AGAIN = """
INSERT INTO campaigns_retry
    (org_id, run_id, seq, run_on, attempt, not_before, reason, owner, epoch, announced, draining)
SELECT %(org)s, %(run)s, seq, %(run_on)s, attempt, now() + wait * interval '1 second', reason, '', 0, false, false
FROM unnest(%(seq)s::bigint[], %(attempt)s::smallint[], %(wait)s::float[], %(reason)s::text[])
     AS x(seq, attempt, wait, reason)
ON CONFLICT (org_id, run_id, seq) DO UPDATE
SET attempt = excluded.attempt, not_before = excluded.not_before, reason = excluded.reason, owner = '',
    lease_until = NULL, announced = false, draining = false
"""


@dataclass
class Claim:
    """A chunk that this lane owns. `in_hand`: its rows that are announced and not recorded."""

    no: int
    epoch: int
    first_seq: int
    last_seq: int
    intent_hi: int
    in_hand: int = 0

    @property
    def exhausted(self) -> bool:
        return self.intent_hi >= self.last_seq


class Again(NamedTuple):
    """A row that goes back into the queue. `attempt`: tries begun so far; `wait`: seconds until it may go."""

    seq: int
    attempt: int
    wait: float
    reason: str


class Step(NamedTuple):
    """What a commit changes about a chunk. `done`: rows that left it."""

    no: int
    intent_hi: int
    done: int
    draining: bool
    released: bool


def claim(key: RunKey, owner: str) -> tuple[Claim, bool] | None:
    """The next open chunk that is due and nobody's; with it, whether its last owner left it open (`recovery`)."""
    rows = _fetch(_CLAIM, key, owner=owner)
    if not rows:
        return None
    no, epoch, first_seq, last_seq, intent_hi, left_open = rows[0]
    return Claim(no, epoch, first_seq, last_seq, intent_hi), left_open  # type: ignore[return-value]  # columns of our own query


def still_held(key: RunKey, claims: Iterable[Claim]) -> set[int]:
    """The chunks that are still this lane's, locked until the transaction ends."""
    held = list(claims)
    if not held:
        return set()
    with connection.cursor() as cursor:
        _HELD.run(
            cursor,
            {
                **key._asdict(),
                "no": numbers(claim.no for claim in held),
                "epoch": numbers(claim.epoch for claim in held),
            },
        )
        return {row[0] for row in cursor.fetchall()}


def advance(key: RunKey, steps: Sequence[Step]) -> None:
    """Write what changed, and renew or end the leases."""
    if not steps:
        return
    no, intent_hi, done, draining, released = zip(*steps, strict=True)
    with connection.cursor() as cursor:
        _ADVANCE.run(
            cursor,
            {
                **key._asdict(),
                "lease": settings.SEND_LEASE_SECONDS,
                "no": numbers(no),
                "intent_hi": numbers(intent_hi),
                "done": numbers(done),
                "draining": list(draining),
                "released": list(released),
            },
        )


def announce_retries(key: RunKey, owner: str, most: int) -> list[tuple[int, int, int]]:
    """(seq, epoch, attempt) of waiting rows whose time has come, announced for this lane.

    A row that a parked report speaks of is left to `receipts.recall`.
    """
    return _fetch(_ANNOUNCE_RETRIES, key, owner=owner, most=most)  # type: ignore[return-value]  # columns of our own query


def still_held_retries(key: RunKey, epochs: dict[int, int]) -> set[int]:
    """The retry rows that are still this lane's, locked until the transaction ends."""
    if not epochs:
        return set()
    rows = _fetch(_HELD_RETRIES, key, seq=numbers(epochs), epoch=numbers(epochs.values()))
    return {row[0] for row in rows}


def renew_retries(key: RunKey, seqs: Iterable[int], *, draining: bool) -> None:
    _run(_RENEW_RETRIES, key, seq=numbers(seqs), draining=draining)


def drop_retries(key: RunKey, seqs: Iterable[int]) -> None:
    """These have their ledger row now."""
    _run(_DROP_RETRIES, key, seq=numbers(seqs))


def queue_again(key: RunKey, rows: Sequence[Again]) -> None:
    """Proven not handed over: waits in `retry`, whether it came from there or from a chunk."""
    if not rows:
        return
    seq, attempt, wait, reason = zip(*rows, strict=True)
    _run(
        _QUEUE_AGAIN,
        key,
        seq=numbers(seq),
        attempt=numbers(attempt),
        wait=list(map(float, wait)),
        reason=texts(reason),
    )


def _fetch(sql: str, key: RunKey, **params: object) -> list[tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**key._asdict(), "lease": settings.SEND_LEASE_SECONDS, **params})  # type: ignore[dict-item]  # psycopg2 takes it
        return list(cursor.fetchall())


def _run(sql: str, key: RunKey, **params: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**key._asdict(), "lease": settings.SEND_LEASE_SECONDS, **params})  # type: ignore[dict-item]  # psycopg2 takes it
