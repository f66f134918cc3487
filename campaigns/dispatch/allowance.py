"""A sender's limit a day (H-30), kept in PostgreSQL: taken in the transaction that announces (decisions 23)."""

from __future__ import annotations

from typing import Any

from django.db import connection

from campaigns.dispatch.standing import Standing
from campaigns.dispatch.work import Work

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


def take(work: Work, now: Standing, most: int) -> int:
    """How many of `most` messages the sender may still begin today. All of them where it has no limit."""
    if now.per_day is None:
        return most
    params = _bucket(work, now) | {"n": most, "cap": now.per_day}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, params)
        cursor.execute(_TAKE, params)
        granted: int = cursor.fetchone()[0]
    return granted


def give_back(work: Work, now: Standing, unused: int) -> None:
    """Return what the window did not need. Nothing is returned for a hand-over that failed later."""
    if now.per_day is None or not unused:
        return
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, _bucket(work, now) | {"n": unused})


def _bucket(work: Work, now: Standing) -> dict[str, Any]:
    return {"org": work.key.org, "scope": f"sender:{work.key.sender}", "bucket": now.day}
