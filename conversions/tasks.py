"""The doorbell of attribution: every few minutes, and nightly as a reconciliation with the same code."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from conversions import attribution
from engage.orgs import due
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context

# With its settling time and the strip's pace within the 15 minutes of M-07.
EVERY = timedelta(minutes=3)
INCREMENT, NIGHTLY = "attribution", "attribution-nightly"


@shared_task
def attribute_org(*, org_id: int, **_: Any) -> None:
    attribution.attribute(org_id, at=timezone.now())
    with org_context(org_id):
        due.set_due(org_id, INCREMENT, 0, timezone.now() + EVERY)


@shared_task
def reconcile_org(*, org_id: int, **_: Any) -> None:
    attribution.recompute(org_id, at=timezone.now())
    with org_context(org_id):
        due.set_due(org_id, NIGHTLY, 0, next_night(org_id, timezone.now()))


def next_night(org_id: int, at: datetime) -> datetime:
    """The next 03:00 in Org time. Call inside the org's context."""
    zone = OrgSettings.objects.for_org(org_id).get().zone
    local = at.astimezone(zone)
    tonight = local.replace(hour=3, minute=0, second=0, microsecond=0)
    return tonight if tonight > local else tonight + timedelta(days=1)


@due.handler(INCREMENT, recurring=True)
def ring_increment(org_id: int, ref_id: int) -> None:
    attribute_org.delay(org_id=org_id)


@due.handler(NIGHTLY, recurring=True)
def ring_nightly(org_id: int, ref_id: int) -> None:
    reconcile_org.delay(org_id=org_id)
