"""Halting all sending of an org, and arming it again (C-46)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from campaigns import lifecycle, run_lock
from campaigns.models import Run
from engage.orgs import audit
from engage.orgs.access import Access, NotAllowed
from engage.orgs.models import OrgSettings

RIGHT = "ops.control"
REASON_MOST = 200
_RUNNING = (Run.Status.PREPARING, Run.Status.SENDING)


class HaltRefused(Exception):
    """Sending cannot be halted or armed like this; the text is fit for the user."""


@dataclass(frozen=True)
class Halted:
    """How many open runs were blocked."""

    runs: int


@transaction.atomic
def halt(*, by: Access, reason: str, at: datetime) -> Halted:
    """No window is announced any more; runs that were at it become Blocked `disarmed`. Call inside the org's context.

    The lanes see it with their next look, within a fraction of a second; what is in flight finishes (C-44).
    """
    settings = _settings(by)
    if settings.sending_halted_at is not None:
        raise HaltRefused("Sending is halted already.")
    if not reason.strip():
        raise HaltRefused("Say why, so that whoever arms it again knows.")
    # The runs' locks come first, in one order, before any row of a message (`lifecycle.engine`).
    runs = list(Run.objects.for_org(by.org).filter(status__in=_RUNNING).order_by("pk"))
    for run in runs:
        run_lock.exclusive(run.pk)
    settings.sending_halted_at, settings.halted_reason = at, reason.strip()[:REASON_MOST]
    settings.save(update_fields=["sending_halted_at", "halted_reason"])
    blocked = sum(_block(run.pk, by, at) for run in runs)
    audit.record(
        by.org, "sending.halted", by=by.user, at=at, target=settings, after={"runs": blocked}, reason=reason
    )
    return Halted(blocked)


def _block(run_id: int, by: Access, at: datetime) -> int:
    run = Run.objects.for_org(by.org).select_related("message").get(pk=run_id)
    if run.status not in _RUNNING:
        return 0
    lifecycle.block(run.message, reason="disarmed", at=at + timedelta(seconds=run.clock_shift))
    return 1


@transaction.atomic
def arm(*, by: Access, at: datetime) -> None:
    """Let sending go on. Blocked runs wait until somebody continues each."""
    settings = _settings(by)
    if settings.sending_halted_at is None:
        raise HaltRefused("Sending is not halted.")
    before = {"since": settings.sending_halted_at.isoformat(), "reason": settings.halted_reason}
    settings.sending_halted_at, settings.halted_reason = None, ""
    settings.save(update_fields=["sending_halted_at", "halted_reason"])
    audit.record(by.org, "sending.armed", by=by.user, at=at, target=settings, before=before)


def _settings(by: Access) -> OrgSettings:
    """Locked. Whoever halts a whole org needs its scope as well as the right (T-10)."""
    if not (by.whole_org and by.may(RIGHT)):
        raise NotAllowed(RIGHT)
    return OrgSettings.objects.for_org(by.org).select_for_update(no_key=True).get()
