"""The ledger against itself: the tally says what the rows say, nobody has two, nothing is an orphan (M-27)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from campaigns import progress
from campaigns.models import Run
from engage.orgs.models import Org

_TALLY_DIFFERS = """
SELECT coalesce(t.state, d.state), coalesce(t.reason, d.reason), coalesce(t.outcome, d.outcome), t.n, d.n
FROM (SELECT state, reason, outcome, sum(n) AS n FROM campaigns_tally
      WHERE org_id = %(org)s AND run_id = %(run)s AND state > 0
      GROUP BY state, reason, outcome HAVING sum(n) <> 0) AS t
FULL JOIN (SELECT counted.state, counted.reason, coalesce(counted.outcome, 0)::smallint AS outcome, count(*) AS n
           FROM campaigns_delivery d, LATERAL (VALUES
               (d.state, CASE d.state WHEN 1 THEN d.outcome_reason ELSE d.reason END, d.outcome, true),
               (101::smallint, '', NULL, d.opened_at IS NOT NULL),
               (102::smallint, '', NULL, d.clicked_at IS NOT NULL)) AS counted(state, reason, outcome, counts)
           WHERE d.org_id = %(org)s AND d.run_on = %(run_on)s AND d.run_id = %(run)s AND counted.counts
           GROUP BY 1, 2, 3) AS d
  ON t.state = d.state AND t.reason = d.reason AND t.outcome = d.outcome
WHERE t.n IS DISTINCT FROM d.n
"""
_TWICE = """
SELECT customer_id, slot, count(*) FROM campaigns_delivery
WHERE org_id = %(org)s AND run_on = %(run_on)s AND run_id = %(run)s
GROUP BY customer_id, slot HAVING count(*) > 1
"""
# A merge leaves two rows of one run and slot for the survivor; then the queue names the customer twice no more.
_ORPHANS = """
SELECT count(*) FROM campaigns_delivery d
WHERE d.org_id = %(org)s AND d.run_on = %(run_on)s AND d.run_id = %(run)s AND NOT EXISTS (
    SELECT FROM audiences_customer c WHERE c.org_id = %(org)s AND c.id = d.customer_id)
"""
_DONE_DIFFERS = """
SELECT c.no FROM campaigns_chunk c
WHERE c.org_id = %(org)s AND c.run_id = %(run)s AND c.done <> (
    SELECT count(*) FROM campaigns_recipient r
    WHERE r.org_id = %(org)s AND r.run_on = %(run_on)s AND r.run_id = %(run)s
      AND r.seq BETWEEN c.first_seq AND c.intent_hi
      AND (EXISTS (SELECT FROM campaigns_delivery d WHERE d.org_id = %(org)s AND d.run_on = %(run_on)s
                     AND d.run_id = %(run)s AND d.seq = r.seq)
        OR EXISTS (SELECT FROM campaigns_retry w WHERE w.org_id = %(org)s AND w.run_id = %(run)s AND w.seq = r.seq)))
"""


@dataclass(frozen=True)
class Finding:
    """Something that must not be. `run` is its number."""

    run: int
    what: str


def verify(org: Org) -> Iterator[Finding]:
    """Every run of an org, newest first. Call inside its context; reads the whole ledger."""
    for run in Run.objects.for_org(org):
        yield from verify_run(run)


def verify_run(run: Run) -> Iterator[Finding]:
    """One run, in the snapshot of each question; between two questions a live run may move."""
    params: dict[str, Any] = {"org": run.org_id, "run": run.pk, "run_on": run.run_on}
    with connection.cursor() as cursor:
        cursor.execute(_TALLY_DIFFERS, params)
        for state, reason, outcome, told, counted in cursor.fetchall():
            where = f"state {state}{f' {reason}' if reason else ''}{f' outcome {outcome}' if outcome else ''}"
            yield Finding(run.pk, f"{where}: the tally says {told or 0}, the ledger has {counted or 0} rows")
        cursor.execute(_TWICE, params)
        for customer, slot, n in cursor.fetchall():
            yield Finding(run.pk, f"customer {customer} has {n} rows in slot {slot}")
        cursor.execute(_ORPHANS, params)
        orphans = cursor.fetchone()[0]
        if orphans:
            yield Finding(run.pk, f"{orphans} rows belong to no customer")
        cursor.execute(_DONE_DIFFERS, params)
        for (no,) in cursor.fetchall():
            yield Finding(run.pk, f"chunk {no} counts another number of rows as done than there are")
    counts = progress.of_run(run)
    if not counts.adds_up:
        yield Finding(run.pk, f"the states do not add up: {counts}")
    matched = run.excluded + run.out_of_unit + run.targeted_customers
    if run.frozen_at and run.matched != matched:
        yield Finding(run.pk, f"matched is {run.matched}, excluded, out of unit and targeted are {matched}")
