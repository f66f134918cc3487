"""Reports about deliveries that are not in the ledger, or not yet: kept, and matched later (H-35).

A report may overtake the commit that records its hand-over, by moments usually, by the length of a lease when a lane
was killed. One whose reference never fits stays, and the dashboard shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Q

from campaigns.models import ParkedReceipt
from campaigns.receipts import consequences, recording
from campaigns.receipts.facts import Event, Fact
from channels import tokens
from channels.tokens import LedgerKey, RunSigner
from engage.orgs import due

DUE: Final = "receipts"
SOON: Final = timedelta(seconds=15)
# A report that was looked at this often is looked at once an hour, and after a month no more.
EAGER_TRIES: Final = 20
_HOURLY: Final = timedelta(hours=1)
_KEPT_TRYING: Final = timedelta(days=30)
SLICE: Final = 2_000
# The doors' own events have no sender to hold them against.
NO_SENDER: Final = 0


def reference_of(key: LedgerKey) -> str:
    """The signed name under which a delivery is parked: what its provider was given."""
    return RunSigner(org=key.org, run_on=key.run_on, run=key.run).sign(key.customer, key.seq).reference


def park(
    org_id: int, reports: Iterable[tuple[str, Event]], *, sender_id: int = NO_SENDER, received_at: datetime
) -> int:
    """Keep (reference, event) pairs for later. The same event twice is kept once. Returns how many were given."""
    rows = [
        ParkedReceipt(
            org_id=org_id,
            sender_id=sender_id,
            event_key=event.event_key,
            reference=reference,
            body=event.as_json(),
            received_at=received_at,
        )
        for reference, event in reports
    ]
    if rows:
        ParkedReceipt.objects.bulk_create(rows, ignore_conflicts=True)
        due.set_due(org_id, DUE, 0, received_at + SOON)
    return len(rows)


def match(org_id: int, *, at: datetime, hourly: bool = False) -> int:
    """Try the next slice of parked reports once more; returns how many found their delivery.

    Call inside the org's context. Any number may run at once: each takes rows that no other holds.
    """
    waiting = ParkedReceipt.objects.for_org(org_id).filter(
        Q(tries__gte=EAGER_TRIES, received_at__gt=at - _KEPT_TRYING) if hourly else Q(tries__lt=EAGER_TRIES)
    )
    rows = list(waiting.select_for_update(skip_locked=True).order_by("tries", "pk")[:SLICE])
    matched: list[int] = []
    for sender_id in sorted({row.sender_id for row in rows}):
        matched += _match(org_id, sender_id, [row for row in rows if row.sender_id == sender_id])
    ParkedReceipt.objects.for_org(org_id).filter(pk__in=matched).delete()
    left = {row.pk for row in rows} - set(matched)
    ParkedReceipt.objects.for_org(org_id).filter(pk__in=left).update(tries=F("tries") + 1)
    return len(matched)


def _match(org_id: int, sender_id: int, rows: Sequence[ParkedReceipt]) -> list[int]:
    matched: list[int] = []
    by_time: dict[datetime, list[ParkedReceipt]] = {}
    for row in rows:
        by_time.setdefault(row.received_at, []).append(row)
    for received_at, together in sorted(by_time.items()):
        facts = {row.pk: fact for row in together if (fact := _fact(org_id, row))}
        recorded = recording.record(
            org_id, list(facts.values()), received_at=received_at, sender_id=sender_id or None
        )
        consequences.act(org_id, recorded.fresh)
        missing = set(recorded.missing)
        matched += [pk for pk, fact in facts.items() if fact not in missing]
    return matched


def _fact(org_id: int, row: ParkedReceipt) -> Fact | None:
    """The report as it is understood now: the secret that signed its reference may have come back meanwhile."""
    try:
        key = tokens.read_reference(row.reference)
    except tokens.Forged:
        return None
    fact = Fact(key, Event.from_json(row.body))
    return fact if key.org == org_id and key.run and fact.believable(row.received_at) else None
