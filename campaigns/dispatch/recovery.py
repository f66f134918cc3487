"""What a dead lane leaves behind becomes Unconfirmed: it was announced, so it may have been handed over (Q-01, H-34).

The caller has locked the chunk, or the retry rows, and raised the epoch in an earlier statement of this transaction:
the old owner's last commit is either visible here, or will be refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection

from campaigns import tally
from campaigns.dispatch.ledger import RunKey

_APPEND = """
appended AS (
    INSERT INTO campaigns_delivery
        (org_id, customer_id, run_on, run_id, seq, campaign_id, message_id, slot, variant, arm, channel, state, reason,
         outcome_reason, sender_id, address_key, attempt, due_at, state_at, anchors_changed_at)
    SELECT r.org_id, r.customer_id, r.run_on, r.run_id, r.seq, %(campaign)s, %(message)s, r.slot, r.variant, r.arm,
           r.channel, 3, 'no_answer', '', %(sender)s, r.address_key, lost.attempt, r.due_at,
           statement_timestamp() + make_interval(secs => %(clock_shift)s), statement_timestamp()
    FROM lost JOIN campaigns_recipient r
      ON r.org_id = %(org)s AND r.run_on = %(run_on)s AND r.run_id = %(run)s AND r.seq = lost.seq
    RETURNING slot, channel, variant, arm
), counted AS (
    INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
    SELECT %(org)s, %(run)s, %(tally)s + row_number() OVER (), slot, channel, variant, arm, 3, 'no_answer', 0, count(*)
    FROM appended GROUP BY slot, channel, variant, arm
)
"""
_LOST_OF_CHUNK = f"""
WITH lost AS (
    SELECT r.seq, 1 AS attempt FROM campaigns_recipient r
    WHERE r.org_id = %(org)s AND r.run_on = %(run_on)s AND r.run_id = %(run)s
      AND r.seq BETWEEN %(first)s AND %(intent_hi)s
      AND NOT EXISTS (SELECT FROM campaigns_delivery d
                      WHERE d.org_id = %(org)s AND d.run_on = %(run_on)s AND d.run_id = %(run)s AND d.seq = r.seq)
      AND NOT EXISTS (SELECT FROM campaigns_retry w
                      WHERE w.org_id = %(org)s AND w.run_id = %(run)s AND w.seq = r.seq)
), {_APPEND}
UPDATE campaigns_chunk c SET done = c.done + (SELECT count(*) FROM lost)
WHERE c.org_id = %(org)s AND c.run_id = %(run)s AND c.no = %(no)s
RETURNING (SELECT count(*) FROM lost)
"""
_TAKE_EXPIRED = """
WITH expired AS (
    SELECT no FROM campaigns_chunk
    WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed AND owner <> '' AND lease_until < now()
    ORDER BY no LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE campaigns_chunk c SET epoch = c.epoch + 1
FROM expired WHERE c.org_id = %(org)s AND c.run_id = %(run)s AND c.no = expired.no
RETURNING c.no, c.first_seq, c.intent_hi
"""
_RELEASE = """
UPDATE campaigns_chunk
SET owner = '', lease_until = NULL, draining = false,
    closed = intent_hi = last_seq AND done = last_seq - first_seq + 1
WHERE org_id = %(org)s AND run_id = %(run)s AND no = %(no)s
"""
_TAKE_EXPIRED_RETRIES = """
UPDATE campaigns_retry w SET epoch = w.epoch + 1
FROM (SELECT seq FROM campaigns_retry
      WHERE org_id = %(org)s AND run_id = %(run)s AND announced AND lease_until < now()
      ORDER BY seq LIMIT 1000 FOR UPDATE SKIP LOCKED) AS expired
WHERE w.org_id = %(org)s AND w.run_id = %(run)s AND w.seq = expired.seq
RETURNING w.seq
"""
_LOST_RETRIES = f"""
WITH lost AS (
    DELETE FROM campaigns_retry w
    WHERE w.org_id = %(org)s AND w.run_id = %(run)s AND w.seq = ANY(%(seq)s)
    RETURNING w.seq, w.attempt + 1 AS attempt
), {_APPEND}
SELECT count(*) FROM lost
"""
_PUT_BACK = f"""
WITH lost AS (
    DELETE FROM campaigns_retry w
    WHERE w.org_id = %(org)s AND w.run_id = %(run)s AND w.seq = ANY(%(seq)s) AND NOT w.announced
    RETURNING w.seq, greatest(w.attempt, 1) AS attempt
), {_APPEND}
SELECT count(*) FROM lost
"""


def settle_chunk(key: RunKey, *, no: int, first: int, intent_hi: int) -> int:
    """Make Unconfirmed what was announced of a chunk and has no outcome; returns how many."""
    params: dict[str, Any] = {
        **key._asdict(),
        "tally": tally.fresh_key(),
        "no": no,
        "first": first,
        "intent_hi": intent_hi,
    }
    return int(_one(_LOST_OF_CHUNK, params)[0])  # type: ignore[call-overload, no-any-return]  # a column of our own query


def recover(key: RunKey) -> int:
    """Settle and free one chunk, and the retry rows, whose lane is dead. Returns how many rows became Unconfirmed.

    One transaction; call it until `has_dead` says no. Any number may run at once.
    """
    lost = 0
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_EXPIRED, key._asdict())
        chunk = cursor.fetchone()
        cursor.execute(_TAKE_EXPIRED_RETRIES, key._asdict())
        retries = [row[0] for row in cursor.fetchall()]
    if chunk:
        no, first, intent_hi = chunk
        lost += settle_chunk(key, no=no, first=first, intent_hi=intent_hi)
        with connection.cursor() as cursor:
            cursor.execute(_RELEASE, {**key._asdict(), "no": no})
    if retries:
        params: dict[str, Any] = {**key._asdict(), "tally": tally.fresh_key(), "seq": retries}
        lost += int(_one(_LOST_RETRIES, params)[0])  # type: ignore[call-overload]  # a column of our own query
    return lost


def put_back(key: RunKey, seqs: Iterable[int]) -> None:
    """Rows that wait in `retry` and were handed over after all are Unconfirmed (again). The caller has locked them."""
    params: dict[str, Any] = {**key._asdict(), "tally": tally.fresh_key(), "seq": list(seqs)}
    _one(_PUT_BACK, params)


def has_dead(key: RunKey) -> bool:
    """Whether a lease of this run ended without its owner."""
    return bool(_one(_HAS_DEAD, key._asdict())[0])


_HAS_DEAD = """
SELECT EXISTS (SELECT FROM campaigns_chunk WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed
                 AND owner <> '' AND lease_until < now())
    OR EXISTS (SELECT FROM campaigns_retry WHERE org_id = %(org)s AND run_id = %(run)s AND announced
                 AND lease_until < now())
"""


def _one(sql: str, params: dict[str, Any]) -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[object, ...] = cursor.fetchone()
    return row
