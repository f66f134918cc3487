"""What must happen to a run although nobody is at work on it: every ten seconds, any number of copies (Q-03).

Nothing here is remembered between two looks: it finds out from the database what is due, and says which bells to ring.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Q

from campaigns import arming, finishing, gates, lifecycle, quiet, tally
from campaigns.body import Body
from campaigns.clock import database_now
from campaigns.dispatch import allowance, recovery
from campaigns.dispatch.ledger import RunKey
from campaigns.models import Run
from channels.models import Sender
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

AGAIN = timedelta(seconds=10)
OPEN: Final = (Run.Status.PREPARING, Run.Status.SENDING, Run.Status.PAUSED, Run.Status.BLOCKED)
# Over for the message, with rows that may still be in a lane's hands, or queued.
_EMPTYING: Final = (Run.Status.STOPPED,)

_UNFINISHED = """
SELECT run.id FROM campaigns_run run
WHERE run.org_id = %(org)s AND run.status = ANY(%(emptying)s)
  AND (EXISTS (SELECT FROM campaigns_chunk c WHERE c.org_id = %(org)s AND c.run_id = run.id AND NOT c.closed)
    OR EXISTS (SELECT FROM campaigns_retry w WHERE w.org_id = %(org)s AND w.run_id = run.id))
"""
_HAS_DUE = """
SELECT EXISTS (
    SELECT FROM campaigns_chunk WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed AND not_before <= now()
       AND (not_after IS NULL OR not_after > now()) AND (lease_until IS NULL OR lease_until < now())
       AND intent_hi < last_seq)
  OR EXISTS (
    SELECT FROM campaigns_retry
    WHERE org_id = %(org)s AND run_id = %(run)s AND NOT announced AND not_before <= now())
"""
_TO_NEXT_OPENING = """
UPDATE campaigns_chunk SET not_before = %(opens_at)s, not_after = %(closes_at)s
WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed AND owner = '' AND not_before < %(opens_at)s
"""
_HAS_CLOSED = """
SELECT EXISTS (SELECT FROM campaigns_chunk
               WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed AND owner = '' AND not_after <= now())
"""


@dataclass
class Bells:
    """Runs that a worker should be told of."""

    freeze: list[int] = field(default_factory=list)
    lanes: list[int] = field(default_factory=list)
    open_runs: bool = False


def look_after(org_id: int) -> Bells:
    """See to every unfinished run of an org. Call outside any transaction."""
    armed = arming.is_armed()
    with org_context(org_id):
        runs = list(
            Run.objects.for_org(org_id)
            .filter(Q(status__in=OPEN) | Q(pk__in=_unfinished(org_id)))
            .select_related("message", "campaign", "version")
        )
        live = OrgSettings.objects.for_org(org_id).get()
    bells = Bells(open_runs=bool(runs))
    for run in runs:
        try:
            _look_after(run, live, bells, armed=armed and live.sending_halted_at is None)
        except lifecycle.MoveRefused as refused:
            # Somebody moved the message while we looked; the next look sees what they did.
            logger.info("run %s was left as it is: %s", run.pk, refused)
    return bells


def _unfinished(org_id: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED, {"org": org_id, "emptying": [str(status) for status in _EMPTYING]})
        return [row[0] for row in cursor.fetchall()]


def _look_after(run: Run, live: OrgSettings, bells: Bells, *, armed: bool) -> None:
    key = RunKey.of(run)
    with org_context(key.org):
        now = database_now()
    shifted = now + timedelta(seconds=run.clock_shift)
    while recover_one(key):
        pass
    if run.status in _EMPTYING:
        while finishing.cancel_queued(key, run.reason or "stopped"):
            pass
    elif shifted >= run.campaign.ends_at(live.zone):
        with org_context(key.org):
            lifecycle.end_with_campaign(run.message, at=shifted)
        while finishing.cancel_queued(key, "campaign_ended"):
            pass
    elif run.status == Run.Status.PREPARING:
        bells.freeze.append(run.pk)
    elif run.status == Run.Status.SENDING:
        _look_after_sending(run, key, live, bells, shifted, armed=armed)
    with org_context(key.org):
        tally.fold(key.org, key.run)


def _look_after_sending(
    run: Run, key: RunKey, live: OrgSettings, bells: Bells, at: datetime, *, armed: bool
) -> None:
    if not armed:
        with org_context(key.org):
            lifecycle.block(run.message, reason="disarmed", at=at)
        return
    with org_context(key.org):
        _keep_quiet(run, key, live, at)
        due = _ask(_HAS_DUE, key) and not _backs_off(key) and _may_begin(run, key, at)
    if due:
        bells.lanes.append(run.pk)
    else:
        finishing.complete_if_done(key.org, key.run)


def recover_one(key: RunKey) -> bool:
    """Settle what one dead lane left; True: look again, there may be more."""
    with org_context(key.org):
        if not recovery.has_dead(key):
            return False
        lost = recovery.recover(key)
    if lost:
        logger.warning("run %s: %s rows are Unconfirmed, their lane died", key.run, lost)
    return True


def _keep_quiet(run: Run, key: RunKey, live: OrgSettings, at: datetime) -> None:
    """Give chunks that quiet hours have closed the time of the next opening (C-40, decisions 24)."""
    rules = gates.quiet_rules(Body.parse(run.version.body), live)
    opens_at = quiet.opens_at(at, *rules)
    if opens_at == at and not _ask(_HAS_CLOSED, key):
        return
    closes_at = quiet.closes_at(opens_at, *rules)
    shift = timedelta(seconds=key.clock_shift)
    with connection.cursor() as cursor:
        cursor.execute(
            _TO_NEXT_OPENING,
            {
                **key._asdict(),
                "opens_at": opens_at - shift,
                "closes_at": closes_at - shift if closes_at else None,
            },
        )


def _backs_off(key: RunKey) -> bool:
    """Whether the sender is left alone for a while, after a fault of its connection."""
    until = Sender.objects.for_org(key.org).values_list("backing_off_until", flat=True).get(pk=key.sender)
    return until is not None and until > database_now()


def _may_begin(run: Run, key: RunKey, at: datetime) -> bool:
    """Whether its throttle leaves anything of this minute (C-41)."""
    return allowance.left(key, Body.parse(run.version.body), at) != 0


def _ask(sql: str, key: RunKey) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, key._asdict())
        return bool(cursor.fetchone()[0])


def lanes_wanted(queue_size: int, per_hour: int | None = None) -> int:
    """How many bells a run is worth: one lane for what fits into a chunk or two, or into a throttled minute."""
    if per_hour is not None:
        queue_size = min(queue_size, per_hour // 60)
    return min(settings.SEND_LANES, max(1, queue_size // (2 * settings.SEND_CHUNK_ROWS)))  # type: ignore[no-any-return]  # untyped setting
