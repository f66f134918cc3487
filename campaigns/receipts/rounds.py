"""The round that an org's receipts get: what is parked is tried again, what waited long enough is settled."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from campaigns.models import ParkedReceipt
from campaigns.receipts import ageing, parked
from engage.orgs import due
from engage.orgs.tenancy import org_context

EVERY: Final = timedelta(hours=1)


def go(org_id: int) -> None:
    """One round, a slice a transaction, and the time of the next. Call outside any transaction; safe to repeat."""
    at = timezone.now()
    parked.match(org_id, at=at)
    ageing.age(org_id, at=at)
    with org_context(org_id):
        waiting = ParkedReceipt.objects.for_org(org_id).filter(tries__lt=parked.EAGER_TRIES).exists()
        due.set_due(org_id, parked.DUE, 0, at + (parked.SOON if waiting else EVERY))
