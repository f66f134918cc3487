"""Past campaigns through the real engine (decisions 27): written, approved and sent by its own verbs, dated back.

Nothing here writes to the ledger. A message is approved by somebody who did not write it, at the time at which it would
have been; its run carries the shift between then and now, and goes through freeze and lanes to the sandbox carrier,
whose receipts come back over its real webhook, dated as they would have been.
"""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final

from django.utils import timezone

from campaigns import dispatch, frame, freeze, lifecycle, scheduling, sweeper
from campaigns.clock import database_now
from campaigns.models import Campaign, Message, Run
from campaigns.receipts import parked, rounds
from conversions import attribution, goals
from engage.local.demo import carrier, lists, writing
from engage.local.demo.steps import Meter, Step
from engage.local.demo.tenants import Tenant
from engage.orgs import due
from engage.orgs.jobs import JobFailed
from engage.orgs.models import OrgUnit
from engage.orgs.tenancy import org_context
from reporting import strip

logger = logging.getLogger(__name__)

# A message is made two days before it goes out, submitted and approved on the day before.
WRITTEN: Final = timedelta(days=2)
SUBMITTED: Final = timedelta(hours=20)
APPROVED: Final = timedelta(hours=18)
PATIENCE: Final = 180.0
_LOOK: Final = 0.1
_OVER: Final = {Run.Status.COMPLETED, Run.Status.STOPPED}
_STUCK: Final = {Run.Status.BLOCKED, Run.Status.FAILED, Run.Status.PAUSED}


@dataclass(frozen=True)
class Past:
    """A campaign that was: its frame, its list and what counts as a conversion. `unit` is a code, None the org."""

    name: str
    description: str
    start_on: date
    end_on: date
    members: Sequence[str]
    goal: goals.Question
    objective: str = ""
    objective_values: dict[str, list[str]] = field(default_factory=dict)
    unit: str | None = None

    @property
    def list_name(self) -> str:
        return f"{self.name} (mailing list)"


@dataclass(frozen=True)
class Send:
    """One message of a past campaign, and when it went out by the org's clock."""

    past: Past
    title: str
    sender: str
    channel: str
    content: dict[str, str]
    send_on: date
    send_time: time


def step(tenant: Tenant, sends: Sequence[Send]) -> Step:
    """All messages in the order in which they went out, so that an opt-out after one holds for the next."""
    ordered = sorted(sends, key=lambda send: (send.send_on, send.send_time))
    size = sum(len(send.past.members) for send in ordered)
    return Step("past campaigns", size, partial(_send_all, tenant, ordered))


def _send_all(tenant: Tenant, sends: Sequence[Send], meter: Meter) -> None:
    for send in sends:
        run = open_again(tenant, send)
        finish(tenant, run)
        meter.count("messages", len(send.past.members))


def open_again(tenant: Tenant, send: Send) -> Run:
    """The run of this message at its own time. One transaction: nobody sees it long overdue."""
    with org_context(tenant.org.pk):
        known = Message.objects.for_org(tenant.org).filter(
            campaign__name=send.past.name, campaign__simulated=True, title=send.title
        )
        message = known.select_related("run").first()
        if message is not None and message.run is not None:
            return message.run  # type: ignore[no-any-return]  # untyped setting
        due_at = datetime.combine(send.send_on, send.send_time, tenant.settings.zone)
        message = _approved(tenant, send, due_at)
        shift = int((due_at - database_now()).total_seconds()) + 2
        run = lifecycle.open_run(message, at=database_now() + timedelta(seconds=shift), clock_shift=shift)
        # Should this process die, the workers finish the run.
        due.set_due(tenant.org, scheduling.SEND_DUE, 0, database_now() + sweeper.AGAIN)
        due.set_due(tenant.org, parked.DUE, 0, database_now() + sweeper.AGAIN)
    return run


def _approved(tenant: Tenant, send: Send, due_at: datetime) -> Message:
    at = due_at - WRITTEN
    campaign = _frame(tenant, send.past, at)
    message = writing.write(
        tenant,
        campaign,
        title=send.title,
        sender=send.sender,
        channel=send.channel,
        audience=lists.upload(tenant, send.past.list_name, send.past.members, at),
        content=send.content,
        at=at,
        mode=Message.Mode.DATED,
        send_on=send.send_on,
        send_time=send.send_time,
    )
    message = writing.submit(tenant, message, at=due_at - SUBMITTED)
    return writing.approve(tenant, message, at=due_at - APPROVED)


def _frame(tenant: Tenant, past: Past, at: datetime) -> Campaign:
    """The campaign, made when its first message is written; marked as simulated, which only this loader does."""
    found = Campaign.objects.for_org(tenant.org).filter(name=past.name, simulated=True).first()
    if found is not None:
        return found
    unit = OrgUnit.objects.for_org(tenant.org).get(code=past.unit) if past.unit else None
    campaign = frame.create(
        tenant.settings,
        access=tenant.access(tenant.writer),
        unit=unit,
        at=at,
        name=past.name,
        description=past.description,
        start_on=past.start_on,
        end_on=past.end_on,
        objective=past.objective,
        objective_values=past.objective_values,
        simulated=True,
    )
    goals.save_goal(campaign, past.goal, by=tenant.writer, at=at)
    return campaign


def finish(tenant: Tenant, run: Run) -> None:
    """Freeze and send as a worker does, and wait until the carrier has told what became of it. Raises `JobFailed`."""
    until = clock.monotonic() + PATIENCE
    while True:
        freeze.freeze(tenant.org.pk, run.pk)
        dispatch.work_lane(org_id=tenant.org.pk, run_id=run.pk)
        with org_context(tenant.org.pk):
            run = Run.objects.for_org(tenant.org).select_related("message").get(pk=run.pk)
        if run.status in _OVER:
            break
        if run.status in _STUCK or clock.monotonic() > until:
            raise JobFailed(
                f"“{run.message}” of the demo is {run.get_status_display()}: {run.reason or 'too slow'}."
            )
        clock.sleep(_LOOK)
    carrier.wait_until_told(seconds=PATIENCE)
    rounds.go(tenant.org.pk)  # what was told before its ledger row was there


def figures_step(tenant: Tenant) -> Step:
    return Step("attribution", 0, lambda _: _figures(tenant))


def _figures(tenant: Tenant) -> None:
    """Which purchases belong to which messages, now rather than in some minutes; then the strip."""
    done = attribution.attribute(tenant.org.pk, at=timezone.now(), settle=timedelta(0))
    logger.info(
        "%s: %s conversions, %s responses", tenant.org, done.conversions_written, done.responses_written
    )
    strip.renew(tenant.org.pk, at=timezone.now())
