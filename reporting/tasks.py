"""The doorbell of the roll-ups."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from engage.orgs import due
from engage.orgs.tenancy import org_context
from reporting import freshness, strip

STRIP = "strip"


@shared_task
def renew_strip(*, org_id: int, **_: Any) -> None:
    strip.renew(org_id, at=timezone.now())
    with org_context(org_id):
        due.set_due(org_id, STRIP, 0, timezone.now() + freshness.STRIP_EVERY)


@due.handler(STRIP, recurring=True)
def ring_strip(org_id: int, ref_id: int) -> None:
    renew_strip.delay(org_id=org_id)
