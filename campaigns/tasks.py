"""Doorbells. A task carries ids and looks at the database: lost, it costs a minute; repeated, nothing."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from campaigns import (
    arming,
    brand_copies,
    dispatch,
    exports,
    freeze,
    lifecycle,
    reminders,
    scheduling,
    sweeper,
    test_sends,
)
from campaigns.clock import database_now
from campaigns.models import Run
from campaigns.receipts import bells
from engage.orgs import due
from engage.orgs.tenancy import org_context

# Doorbells that stand beside what they ring for; named here, so that workers and the scheduler know them.
__all__ = [
    "bells",
    "forget_export",
    "freeze_run",
    "look_after",
    "look_at_waiting",
    "ring",
    "run_lane",
    "send_copy",
    "send_test",
    "start_message",
]

# What is announced for later is at most this many seconds away; anything beyond waits for the sweeper.
_SOON = 5.0


@shared_task
def start_message(*, org_id: int, message_id: int, **_: Any) -> None:
    run = scheduling.start(org_id, message_id)
    if run is not None:
        freeze_run.delay(org_id=org_id, run_id=run.pk)


@shared_task
def freeze_run(*, org_id: int, run_id: int, **_: Any) -> None:
    if freeze.freeze(org_id, run_id):
        ring(org_id, run_id)


@shared_task
def run_lane(*, org_id: int, run_id: int, **_: Any) -> None:
    if not arming.check(timezone.now()):
        return
    left = dispatch.work_lane(org_id=org_id, run_id=run_id)
    if left.again_in is not None and left.again_in <= _SOON:
        run_lane.apply_async(kwargs={"org_id": org_id, "run_id": run_id}, countdown=left.again_in)


@shared_task
def look_after(*, org_id: int, **_: Any) -> None:
    bells = sweeper.look_after(org_id)
    with org_context(org_id):
        if bells.open_runs:
            due.set_due(org_id, scheduling.SEND_DUE, 0, database_now() + sweeper.AGAIN)
        else:
            due.clear(org_id, scheduling.SEND_DUE, 0)
    for run_id in bells.freeze:
        freeze_run.delay(org_id=org_id, run_id=run_id)
    for run_id in bells.lanes:
        ring(org_id, run_id)


@shared_task
def look_at_waiting(*, org_id: int, message_id: int, **_: Any) -> None:
    reminders.look(org_id, message_id, timezone.now())


@shared_task
def send_test(*, org_id: int, test_id: int, **_: Any) -> None:
    test_sends.hand_over(org_id, test_id)


@shared_task
def send_copy(*, org_id: int, copy_id: int, **_: Any) -> None:
    if arming.check(timezone.now()):
        brand_copies.hand_over(org_id, copy_id)


@shared_task
def forget_export(*, org_id: int, job_id: int, **_: Any) -> None:
    exports.forget(org_id, job_id)


def ring(org_id: int, run_id: int) -> None:
    """Wake as many lanes as the run is worth; those that find enough at work leave again."""
    with org_context(org_id):
        runs = Run.objects.for_org(org_id).values_list("queue_size", "message__throttle_per_hour")
        queue_size, per_hour = runs.get(pk=run_id)
    for _ in range(sweeper.lanes_wanted(queue_size, per_hour)):
        run_lane.delay(org_id=org_id, run_id=run_id)


@due.handler(lifecycle.MESSAGE_DUE)
def ring_message(org_id: int, ref_id: int) -> None:
    start_message.delay(org_id=org_id, message_id=ref_id)


@due.handler(lifecycle.APPROVAL_DUE)
def ring_approval(org_id: int, ref_id: int) -> None:
    look_at_waiting.delay(org_id=org_id, message_id=ref_id)


@due.handler(scheduling.SEND_DUE)
def ring_send(org_id: int, ref_id: int) -> None:
    del ref_id
    look_after.delay(org_id=org_id)


@due.handler(test_sends.DUE_KIND)
def ring_test(org_id: int, ref_id: int) -> None:
    send_test.delay(org_id=org_id, test_id=ref_id)


@due.handler(brand_copies.DUE_KIND)
def ring_copy(org_id: int, ref_id: int) -> None:
    send_copy.delay(org_id=org_id, copy_id=ref_id)


@due.handler(exports.EXPIRY_DUE)
def ring_expiry(org_id: int, ref_id: int) -> None:
    forget_export.delay(org_id=org_id, job_id=ref_id)
