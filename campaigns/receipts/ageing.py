"""What time alone decides: soft bounces that were given up, and hand-overs of which nothing was heard (H-36, H-39)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from campaigns.models import Delivery, Run
from campaigns.receipts import recording
from channels.tokens import LedgerKey
from engage.orgs.tenancy import org_context

SLICE: Final = 2_000
# Rows are looked at until everything that time decides has long been decided.
_LOOKED_AT: Final = timedelta(days=10)

_RIPE = """
SELECT d.customer_id, d.run_on, d.run_id, d.seq FROM campaigns_delivery d
WHERE d.org_id = %(org)s AND d.run_on = %(run_on)s AND d.run_id = %(run)s AND d.seq > %(after)s
  AND d.state = %(sent)s AND d.outcome = %(in_flight)s
  AND (d.outcome_reason = '' AND d.sent_at < %(silent_before)s
    OR d.outcome_reason IN ('mailbox_full', 'temporary') AND d.sent_at < %(given_up_before)s)
ORDER BY d.seq LIMIT %(slice)s
"""
_WITH_IN_FLIGHT = """
SELECT t.run_id FROM campaigns_tally t
WHERE t.org_id = %(org)s AND t.run_id = ANY(%(runs)s) AND t.state = %(sent)s AND t.outcome = %(in_flight)s
  AND t.reason IN ('', 'mailbox_full', 'temporary')
GROUP BY t.run_id HAVING sum(t.n) > 0
"""


def age(org_id: int, *, at: datetime) -> int:
    """Settle what has become final by waiting; returns how many rows were looked at. Safe to repeat.

    A slice a transaction, so call it outside any. Whether a run has such rows is asked of its tally: a quiet org costs
    two queries.
    """
    with org_context(org_id):
        runs = _runs(org_id, at)
    return sum(_age_run(run, at) for run in runs)


def _runs(org_id: int, at: datetime) -> list[Run]:
    recent = list(
        Run.objects.for_org(org_id)
        .filter(due_at__gt=at - _LOOKED_AT, due_at__lt=at - recording.GIVEN_UP_AFTER)
        .values_list("pk", flat=True)
    )
    params: dict[str, Any] = {
        "org": org_id,
        "runs": recent,
        "sent": Delivery.State.SENT,
        "in_flight": Delivery.Outcome.IN_FLIGHT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WITH_IN_FLIGHT, params)
        open_runs = [row[0] for row in cursor.fetchall()]
    return list(Run.objects.for_org(org_id).filter(pk__in=open_runs))


def _age_run(run: Run, at: datetime) -> int:
    after, looked_at = 0, 0
    while True:
        with org_context(run.org_id):
            keys = _ripe(run, at, after)
            recording.settle(run.org_id, recording.lock(run.org_id, keys), at=at)
        if not keys:
            return looked_at
        after, looked_at = keys[-1].seq, looked_at + len(keys)


def _ripe(run: Run, at: datetime, after: int) -> list[LedgerKey]:
    params: dict[str, Any] = {
        "org": run.org_id,
        "run": run.pk,
        "run_on": run.run_on,
        "after": after,
        "slice": SLICE,
        "sent": Delivery.State.SENT,
        "in_flight": Delivery.Outcome.IN_FLIGHT,
        "silent_before": at - recording.SILENT_AFTER,
        "given_up_before": at - recording.GIVEN_UP_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RIPE, params)
        return [LedgerKey(run.org_id, *row) for row in cursor.fetchall()]
