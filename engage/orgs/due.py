"""Due work: the queue of record from which the scheduler rings each org's own context (decisions 13).

A row says that something of an org is due at a time; the app that owns the work registers what to ring for its kind.
Ringing twice costs nothing: every handler enqueues a task that looks at the database first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection

from engage.orgs.models import DueWork, Org
from engage.orgs.tenancy import org_pk

Ring = Callable[[int, int], None]
_handlers: dict[str, Ring] = {}
_recurring: set[str] = set()

# A rung row is not rung again for this long; its work deletes or re-dates the row when it is done.
REPEAT = timedelta(seconds=60)

_SET = """
INSERT INTO orgs_duework (org_id, kind, ref_id, due_at) VALUES (%(org)s, %(kind)s, %(ref)s, %(due_at)s)
ON CONFLICT (org_id, kind, ref_id) DO UPDATE SET due_at = excluded.due_at
"""
_CLAIM = """
UPDATE orgs_duework SET due_at = %(again)s
WHERE id IN (SELECT id FROM orgs_duework WHERE due_at <= %(now)s AND kind = ANY(%(kinds)s)
             ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING org_id, kind, ref_id
"""
_PLANT = """
INSERT INTO orgs_duework (org_id, kind, ref_id, due_at)
SELECT o.id, k.kind, 0, %(now)s FROM orgs_org o CROSS JOIN unnest(%(kinds)s::text[]) AS k (kind)
WHERE NOT EXISTS (SELECT FROM orgs_duework d WHERE d.org_id = o.id AND d.kind = k.kind AND d.ref_id = 0)
ON CONFLICT (org_id, kind, ref_id) DO NOTHING
"""


def handler(kind: str, *, recurring: bool = False) -> Callable[[Ring], Ring]:
    """Register `ring(org_id, ref_id)` for a kind; it enqueues a task and returns.

    A recurring kind has a row with ref 0 in every org, also in those founded later; its work re-dates the row.
    """

    def register(ring: Ring) -> Ring:
        _handlers[kind] = ring
        if recurring:
            _recurring.add(kind)
        return ring

    return register


def set_due(org: Org | int, kind: str, ref_id: int, due_at: datetime) -> None:
    """Say when this work is due, replacing what was said before. Part of the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_SET, {"org": org_pk(org), "kind": kind, "ref": ref_id, "due_at": due_at})


def clear(org: Org | int, kind: str, ref_id: int) -> None:
    """There is nothing left to do for this."""
    DueWork.objects.filter(org_id=org_pk(org), kind=kind, ref_id=ref_id).delete()


def ring_due(at: datetime, *, limit: int = 500) -> int:
    """Ring what is due and push it back by `REPEAT`; returns how many. Any number of schedulers may call it."""
    with connection.cursor() as cursor:
        cursor.execute(_PLANT, {"now": at, "kinds": sorted(_recurring)})
        cursor.execute(_CLAIM, {"now": at, "again": at + REPEAT, "kinds": list(_handlers), "limit": limit})
        rows = cursor.fetchall()
    for org_id, kind, ref_id in rows:
        _handlers[kind](org_id, ref_id)
    return len(rows)
