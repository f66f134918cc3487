"""A report about a row that waits for another try: it was handed over after all, so nobody hands it over again (C-23).

A row waits in `retry` because a person released it, or because an adapter proved that nothing left. A believed report
about it says that the provider has the message, whoever thought otherwise. By the order in which the two commit:

- report, then release: the row is Sent, or the report is parked and names it; `release` refuses both.
- release, then report: `recall` puts the row back into the ledger, where the report settles it. No second hand-over.
- report, then announcement: the report holds the lock of the `retry` row, so a lane skips it.
- announcement, then report: the second hand-over may have begun and is not recalled. The report is parked and settles
  the row when its outcome is recorded. Should the row come back into the queue instead (the adapter said "later", the
  lane was halted), no lane announces it while a parked report names it: a report locks an announced row too, until it
  is parked, and whoever puts the row back waits for that.
- the row leaves the queue without a second try (its gates stop it, the run is stopped, the provider refuses): it is
  Skipped, Cancelled or Failed, and a report about the earlier try makes it Sent, then or later
  (`sql/settle_receipts.sql`).

Locks are taken in one order: ledger rows, then `retry` rows, each by their keys. Lanes and recovery never wait for a
ledger row while they hold a `retry` row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import connection

from campaigns.dispatch import recovery
from campaigns.dispatch.ledger import RunKey, numbers
from campaigns.models import Run
from channels.tokens import LedgerKey

# Announced ones as well: what is parked now is seen by whoever announces the row next.
_LOCK = """
SELECT w.run_id, w.seq, w.announced
FROM unnest(%(run)s::bigint[], %(seq)s::bigint[]) AS x(run_id, seq)
CROSS JOIN LATERAL (
    SELECT w.run_id, w.seq, w.announced FROM campaigns_retry w
    WHERE w.org_id = %(org)s AND w.run_id = x.run_id AND w.seq = x.seq FOR UPDATE
) AS w
"""


def recall(org_id: int, keys: Iterable[LedgerKey], sender_id: int | None) -> None:
    """Take the rows that these keys name out of the queue, unless a lane has announced them: Unconfirmed again.

    Call inside the org's context, after a look into the ledger and before another one: what moved between the two
    tables meanwhile is found by one of the looks. `sender_id`: as in `recording.record`.
    """
    waiting = _waiting(org_id, keys)
    if not waiting:
        return
    for run in Run.objects.for_org(org_id).filter(pk__in=waiting).select_related("version"):
        key = RunKey.of(run)
        if sender_id in {None, key.sender}:
            recovery.put_back(key, waiting[run.pk])


def _waiting(org_id: int, keys: Iterable[LedgerKey]) -> dict[int, list[int]]:
    """Run → its rows that wait. Locks them, and the announced ones."""
    pairs = sorted({(key.run, key.seq) for key in keys})
    params: dict[str, Any] = {
        "org": org_id,
        "run": numbers(run for run, _ in pairs),
        "seq": numbers(seq for _, seq in pairs),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, params)
        found = cursor.fetchall()
    waiting: dict[int, list[int]] = defaultdict(list)
    for run, seq, announced in found:
        if not announced:
            waiting[run].append(seq)
    return waiting
