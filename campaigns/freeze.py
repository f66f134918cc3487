"""The freeze: once a run, everybody it targets is written down, with the reason of those who are skipped (A-37, C-19).

Set-based, a slice of customers a transaction. It judges each gate before `limit`; the rest is judged at the window,
where every gate runs again. Nothing leaves before the run is Sending, so a freeze that dies is deleted and begun anew:
`freeze_owner` with its lease makes sure that one at a time writes, and that only a whole one counts.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from campaigns import gates, lifecycle, quiet, run_lock, tally
from campaigns.body import Body
from campaigns.clock import database_now
from campaigns.judging import judge
from campaigns.models import Run
from campaigns.statements import statement
from channels.merge import ContentRefused
from channels.models import Sender
from engage.orgs import months
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context

LEASE = timedelta(seconds=60)
SAMPLE = 5

_CLAIM = """
UPDATE campaigns_run SET freeze_owner = %(owner)s, freeze_lease_until = now() + %(lease)s
WHERE org_id = %(org)s AND id = %(run)s AND status = 'preparing' AND frozen_at IS NULL
  AND (freeze_lease_until IS NULL OR freeze_lease_until < now())
"""
_RENEW = """
UPDATE campaigns_run SET freeze_lease_until = now() + %(lease)s
WHERE org_id = %(org)s AND id = %(run)s AND status = 'preparing' AND freeze_owner = %(owner)s
"""
_LET_GO = """
UPDATE campaigns_run SET freeze_owner = '', freeze_lease_until = NULL
WHERE org_id = %(org)s AND id = %(run)s AND freeze_owner = %(owner)s
"""
_WIPE = """
DELETE FROM campaigns_recipient WHERE org_id = %(org)s AND run_on = %(run_on)s AND run_id = %(run)s;
DELETE FROM campaigns_delivery WHERE org_id = %(org)s AND run_on = %(run_on)s AND run_id = %(run)s;
DELETE FROM campaigns_chunk WHERE org_id = %(org)s AND run_id = %(run)s;
DELETE FROM campaigns_tally WHERE org_id = %(org)s AND run_id = %(run)s;
"""
_SLICE_ENDS = """
SELECT id FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS n FROM audiences_customer WHERE org_id = %(org)s
) AS numbered WHERE n %% %(size)s = 0 ORDER BY id
"""
# Right after an import there are no statistics, and a nested loop over 20,000 people took four minutes. Hashing is
# linear whatever the planner believes.
_PLANNER = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off; SET LOCAL enable_nestloop = off"
_CHUNKS = """
INSERT INTO campaigns_chunk
    (org_id, run_id, no, run_on, first_seq, last_seq, intent_hi, done, owner, epoch, draining, zone, not_before,
     not_after, closed)
SELECT %(org)s, %(run)s, %(chunks)s + n, %(run_on)s, %(after)s + (n - 1) * %(rows)s + 1,
       least(%(after)s + n * %(rows)s, %(until)s), %(after)s + (n - 1) * %(rows)s, 0, '', 0, false, %(zone)s,
       %(not_before)s, %(not_after)s, false
FROM generate_series(1, ceil((%(until)s - %(after)s)::numeric / %(rows)s)::int) AS n
"""
# Somebody of an earlier slice has the address: they are in the run's queue or among its skipped.
_DOUBLED_BEFORE = """(%(one_send_per_address)s AND EXISTS (
    SELECT FROM audiences_addressref other
    WHERE other.org_id = %(org)s AND other.kind = %(contact_kind)s AND other.key = contact.key
      AND other.customer_id < %(low)s
      AND (EXISTS (SELECT FROM campaigns_recipient r
                   WHERE r.org_id = %(org)s AND r.run_on = %(run_on)s AND r.run_id = %(run)s
                     AND r.customer_id = other.customer_id AND r.slot = %(slot)s AND r.address_key = contact.key)
        OR EXISTS (SELECT FROM campaigns_delivery d
                   WHERE d.org_id = %(org)s AND d.customer_id = other.customer_id AND d.run_on = %(run_on)s
                     AND d.run_id = %(run)s AND d.address_key = contact.key))))"""


class FreezeLost(Exception):
    """The run left Preparing, or another worker took the freeze over: what was written is not ours any more."""


@dataclass(frozen=True)
class Plan:
    """All that a freeze needs to know, read once."""

    org_id: int
    run: Run
    body: Body
    owner: str
    not_before: datetime
    not_after: datetime | None
    first_sql: str
    next_sql: str
    params: dict[str, Any]


@dataclass
class Totals:
    """What the slices have written so far."""

    queued: int = 0
    skipped: int = 0
    chunks: int = 0
    excluded: int = 0
    out_of_unit: int = 0
    samples: dict[str, list[int]] = field(default_factory=lambda: {"excluded": [], "out_of_unit": []})

    @property
    def targeted(self) -> int:
        return self.queued + self.skipped


def freeze(org_id: int, run_id: int) -> bool:
    """Write the run's queue and let it go out, or block it. False: nothing goes out because of this call.

    Safe to call at any time, any number of times.
    """
    plan = prepare(org_id, run_id)
    if plan is None:
        return _go_on(org_id, run_id)
    try:
        totals = write_slices(plan)
        with org_context(org_id):
            return _finish(plan, totals)
    except FreezeLost:
        let_go(plan)
        return False


def prepare(org_id: int, run_id: int) -> Plan | None:
    """Claim the freeze and read all it needs. None: not Preparing, frozen, somebody else's, blocked or failed."""
    owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
    with org_context(org_id), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"org": org_id, "run": run_id, "owner": owner, "lease": LEASE})  # type: ignore[dict-item]  # psycopg2 takes it
        if cursor.rowcount != 1:
            return None
    with org_context(org_id):
        run = Run.objects.for_org(org_id).select_related("version", "message").get(pk=run_id)
        at = database_now() + timedelta(seconds=run.clock_shift)
        sender = Sender.objects.for_org(org_id).get(pk=Body.parse(run.version.body).sender.id)
        if sender.status != Sender.Status.ACTIVE:
            _release(run)
            lifecycle.block(run.message, reason="sender_down", at=at)
            return None
        try:
            return _plan(run, owner)
        except ContentRefused as refused:
            _release(run)
            lifecycle.fail(run, reason=f"The content cannot be sent: {refused}", at=at)
            return None


def let_go(plan: Plan) -> None:
    """End our lease, so that whoever is next need not wait for it."""
    with org_context(plan.org_id), connection.cursor() as cursor:
        cursor.execute(_LET_GO, {**_keys(plan), "owner": plan.owner})


def _go_on(org_id: int, run_id: int) -> bool:
    """A run that was frozen before it was paused or blocked goes on with the list that it has."""
    with org_context(org_id):
        run = (
            Run.objects.for_org(org_id)
            .select_related("message")
            .filter(pk=run_id, status=Run.Status.PREPARING, frozen_at__isnull=False)
            .first()
        )
        if run is None:
            return False
        lifecycle.begin_sending(run, at=database_now() + timedelta(seconds=run.clock_shift))
    return True


def _plan(run: Run, owner: str) -> Plan:
    """Raises `ContentRefused`."""
    org_id, body = run.org_id, Body.parse(run.version.body)
    live = OrgSettings.objects.for_org(org_id).get()
    clock, shift = database_now(), timedelta(seconds=run.clock_shift)
    rules = gates.quiet_rules(body, live)
    due_at = quiet.opens_at(run.due_at, *rules)
    closes_at = quiet.closes_at(due_at, *rules)
    judging = judge(run.org, body, live, at=clock + shift)
    return Plan(
        org_id=org_id,
        run=run,
        body=body,
        owner=owner,
        not_before=due_at - shift,
        not_after=closes_at - shift if closes_at else None,
        first_sql=judging.sql(statement("freeze_slice"), doubled_before="false"),
        next_sql=judging.sql(statement("freeze_slice"), doubled_before=_DOUBLED_BEFORE),
        params={
            **judging.params,
            "run": run.pk,
            "run_on": run.run_on,
            "campaign": body.campaign,
            "message": body.message,
            "sender": body.sender.id,
            "slot": body.contents[0].slot,
            "due_at": due_at,
            "at": clock + shift,
            "clock": clock,
            "sample": SAMPLE,
        },
    )


def write_slices(plan: Plan, *, most: int | None = None) -> Totals:
    """Write the queue, `most` slices of it.

    Each transaction ends with `_keep`, so nothing is ever committed after the lease was lost. Raises `FreezeLost`.
    """
    org_id, run = plan.org_id, plan.run
    with org_context(org_id), connection.cursor() as cursor:
        cursor.execute(_WIPE, _keys(plan))
        months.ensure("campaigns_recipient", [run.run_on])
        months.ensure("campaigns_delivery", [run.run_on])
        _keep(plan)
    totals = Totals()
    for low, high in _slices(org_id, settings.SEND_SLICE_CUSTOMERS)[:most]:
        with org_context(org_id):
            _write_slice(plan, low, high, totals)
            _keep(plan)
    with org_context(org_id), connection.cursor() as cursor:
        cursor.execute("SELECT analyze_run(%(run_on)s)", _keys(plan))
    return totals


def _slices(org_id: int, size: int) -> list[tuple[int, int]]:
    """Ranges of customer numbers of about `size` customers each, which together hold every number."""
    with org_context(org_id), connection.cursor() as cursor:
        cursor.execute(_SLICE_ENDS, {"org": org_id, "size": size})
        ends = [row[0] for row in cursor.fetchall()]
    return list(zip([0, *(end + 1 for end in ends)], [*ends, 2**63 - 1], strict=True))


def _write_slice(plan: Plan, low: int, high: int, totals: Totals) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PLANNER)
        cursor.execute(
            plan.next_sql if totals.targeted else plan.first_sql,
            {
                **plan.params,
                "low": low,
                "high": high,
                "after": totals.queued,
                "skipped_before": totals.skipped,
                "tally": tally.fresh_key(),
            },
        )
        queued, skipped, excluded, out_of_unit, *samples = cursor.fetchone()
        cursor.execute(
            _CHUNKS,
            {
                **_keys(plan),
                "chunks": totals.chunks,
                "after": totals.queued,
                "until": totals.queued + int(queued),
                "rows": settings.SEND_CHUNK_ROWS,
                "zone": plan.body.org_zone,
                "not_before": plan.not_before,
                "not_after": plan.not_after,
            },
        )
        totals.chunks += cursor.rowcount
    totals.queued += int(queued)
    totals.skipped += int(skipped)
    totals.excluded += excluded
    totals.out_of_unit += out_of_unit
    for name, sample in zip(("excluded", "out_of_unit"), samples, strict=True):
        totals.samples[name] = [*totals.samples[name], *sample][:SAMPLE]


def _keys(plan: Plan) -> dict[str, Any]:
    return {"org": plan.org_id, "run": plan.run.pk, "run_on": plan.run.run_on}


def _keep(plan: Plan) -> None:
    """Renew the lease, and make sure that the run still wants to be frozen by us. Locks the run's row."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, {**_keys(plan), "owner": plan.owner, "lease": LEASE})  # type: ignore[dict-item]  # psycopg2 takes it
        if cursor.rowcount != 1:
            raise FreezeLost


def _release(run: Run) -> None:
    run.freeze_owner, run.freeze_lease_until = "", None
    run.save(update_fields=["freeze_owner", "freeze_lease_until"])


def _finish(plan: Plan, totals: Totals) -> bool:
    """The list is whole: write its counts, and let it go out unless its size is not what was approved."""
    run_lock.exclusive(plan.run.pk)
    _keep(plan)
    run = Run.objects.for_org(plan.org_id).select_related("message").get(pk=plan.run.pk)
    now = database_now()
    shifted = now + timedelta(seconds=run.clock_shift)
    run.frozen_at = shifted
    run.matched = totals.targeted + totals.excluded + totals.out_of_unit
    run.excluded, run.out_of_unit = totals.excluded, totals.out_of_unit
    run.samples = totals.samples
    run.targeted_customers, run.queue_size = totals.targeted, totals.queued
    run.save(
        update_fields=[
            "frozen_at", "matched", "excluded", "out_of_unit", "samples", "targeted_customers", "queue_size",
        ]
    )  # fmt: skip
    _release(run)
    live = OrgSettings.objects.for_org(plan.org_id).get()
    if _audience_changed(run.message.approved_count, totals.targeted, live):
        lifecycle.block(run.message, reason="audience_changed", at=shifted)
        return False
    lifecycle.begin_sending(run, at=shifted)
    return True


def _audience_changed(approved: int | None, targeted: int, live: OrgSettings) -> bool:
    """Both a share and a number apart from what the approver saw (C-39)."""
    if approved is None:
        return False
    apart = abs(targeted - approved)
    return apart >= live.guard_customers and apart * 100 > live.guard_percent * approved
