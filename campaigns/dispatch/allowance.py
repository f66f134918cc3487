"""What a run may begin in a minute (C-41) and a sender on a day (H-30), kept in PostgreSQL.

Taken in the transaction that announces (decisions 23).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaigns import throttle
from campaigns.body import Body
from campaigns.dispatch.ledger import RunKey
from campaigns.dispatch.standing import Standing
from campaigns.dispatch.work import Work
from campaigns.models import Allowance

_OPEN = """
INSERT INTO campaigns_allowance (org_id, scope, bucket, used) VALUES (%(org)s, %(scope)s, %(bucket)s, 0)
ON CONFLICT DO NOTHING
"""
_TAKE = """
WITH before AS (
    SELECT used FROM campaigns_allowance
    WHERE org_id = %(org)s AND scope = %(scope)s AND bucket = %(bucket)s FOR UPDATE
)
UPDATE campaigns_allowance a
SET used = a.used + least(%(n)s, greatest(%(cap)s - before.used, 0))
FROM before WHERE a.org_id = %(org)s AND a.scope = %(scope)s AND a.bucket = %(bucket)s
RETURNING least(%(n)s, greatest(%(cap)s - before.used, 0))
"""
_GIVE_BACK = """
UPDATE campaigns_allowance SET used = used - %(n)s
WHERE org_id = %(org)s AND scope = %(scope)s AND bucket = %(bucket)s
"""
# A run's minutes that are over are asked for no more.
_FORGET = (
    "DELETE FROM campaigns_allowance WHERE org_id = %(org)s AND scope = %(scope)s AND bucket < %(bucket)s"
)


@dataclass(frozen=True)
class Limit:
    """So many in one bucket. In the minute of a run control rows take part: their turn comes no sooner (C-24)."""

    scope: str
    bucket: str
    cap: int
    of_run: bool = False


def take(work: Work, now: Standing, most: int) -> int:
    """How many of `most` rows may have their turn now. All of them where nothing limits the run."""
    granted, taken = most, []
    for limit in _limits(work, now):
        granted = _take(work.key.org, limit, granted)
        taken.append((limit, granted))
    for limit, rows in taken:
        _return(work.key.org, limit, rows - granted)
    return granted


def give_back(work: Work, now: Standing, granted: int, *, sent: int, held_out: int) -> None:
    """Return what the window did not need. Nothing is returned for a hand-over that failed later."""
    for limit in _limits(work, now):
        used = sent + held_out if limit.of_run else sent
        _return(work.key.org, limit, granted - used)


def again_in(work: Work, now: Standing) -> float | None:
    """Seconds until a throttled run's next minute. None: nobody knows, or nothing but the sender's day is used up."""
    if throttle.of(work.body) is None:
        return None
    return 60 - _shifted(work.key, now.at).timestamp() % 60


def left(key: RunKey, body: Body, at: datetime) -> int | None:
    """How many a throttled run may still begin in the minute of `at`, on the run's clock. None: it has no throttle."""
    limit = _minute(key, body, at)
    if limit is None:
        return None
    rows = Allowance.objects.for_org(key.org).filter(scope=limit.scope, bucket=limit.bucket)
    return max(limit.cap - (rows.values_list("used", flat=True).first() or 0), 0)


def _limits(work: Work, now: Standing) -> Iterator[Limit]:
    """Always in one order, in which lanes lock: the run's own first, then what it shares with others."""
    minute = _minute(work.key, work.body, _shifted(work.key, now.at))
    if minute is not None:
        yield minute
    if now.per_day is not None:
        yield Limit(f"sender:{work.key.sender}", now.day, now.per_day)


def _minute(key: RunKey, body: Body, at: datetime) -> Limit | None:
    limit = throttle.of(body)
    if limit is None:
        return None
    minute = throttle.minute_of(at)
    return Limit(f"run:{key.run}", str(minute), limit.share(minute), of_run=True)


def _shifted(key: RunKey, at: datetime) -> datetime:
    return at + timedelta(seconds=key.clock_shift)


def _take(org_id: int, limit: Limit, wanted: int) -> int:
    params = _params(org_id, limit) | {"n": wanted, "cap": limit.cap}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, params)
        if cursor.rowcount and limit.of_run:
            cursor.execute(_FORGET, params)
        cursor.execute(_TAKE, params)
        granted: int = cursor.fetchone()[0]
    return granted


def _return(org_id: int, limit: Limit, unused: int) -> None:
    if unused:
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, _params(org_id, limit) | {"n": unused})


def _params(org_id: int, limit: Limit) -> dict[str, Any]:
    return {"org": org_id, "scope": limit.scope, "bucket": limit.bucket}
