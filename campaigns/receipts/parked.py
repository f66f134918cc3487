"""Reports about deliveries that are not in the ledger, or not yet: kept, and matched later (H-35).

A report may overtake the commit that records its hand-over, by moments usually, by the length of a lease when a lane
was killed. One whose reference never fits stays, and the dashboard shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import DurationField, ExpressionWrapper, F, Q, Value

from campaigns.models import ParkedReceipt, Run
from campaigns.receipts import consequences, recording
from campaigns.receipts.facts import Event, Fact
from channels import tokens
from channels.tokens import LedgerKey, RunSigner
from engage.orgs import due
from engage.orgs.models import DueWork
from engage.orgs.tenancy import org_context

DUE: Final = "receipts"
SOON: Final = timedelta(seconds=15)
# A report that was looked at this often is looked at once an hour, and after a month no more.
EAGER_TRIES: Final = 20
HOUR: Final = timedelta(hours=1)
KEPT_TRYING: Final = timedelta(days=30)
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
            run_id=key.run if key else None,
            seq=key.seq if key else None,
            body=event.as_json(),
            received_at=received_at,
        )
        for reference, event in reports
        for key in [_key(org_id, reference)]
    ]
    if rows:
        ParkedReceipt.objects.bulk_create(rows, ignore_conflicts=True)
        _ring_by(org_id, received_at + SOON)
    return len(rows)


def _ring_by(org_id: int, soon: datetime) -> None:
    """The next round is at this time at the latest: steady parking must not push it away for ever."""
    if not DueWork.objects.filter(org_id=org_id, kind=DUE, ref_id=0, due_at__lte=soon).exists():
        due.set_due(org_id, DUE, 0, soon)


def speaks_of(run: Run, seq: int, sender_id: int | None) -> bool:
    """Whether a report about this delivery waits to be matched. Call inside the org's context."""
    told_by = [NO_SENDER] if sender_id is None else [NO_SENDER, sender_id]
    about = ParkedReceipt.objects.for_org(run.org_id).filter(run_id=run.pk, seq=seq)
    return about.filter(sender_id__in=told_by).exists()


def match(org_id: int, *, at: datetime) -> int:
    """Try every parked report whose turn it is once more; returns how many found their delivery.

    A slice a transaction, so call it outside any. Any number may run at once: each takes rows that no other holds.
    """
    matched, after = 0, 0
    while True:
        with org_context(org_id):
            rows = _slice(org_id, at, after)
            found = _match_all(org_id, rows)
        matched += len(found)
        if len(rows) < SLICE:
            return matched
        after = rows[-1].pk


def _slice(org_id: int, at: datetime, after: int) -> list[ParkedReceipt]:
    hours = ExpressionWrapper((F("tries") - EAGER_TRIES + 1) * Value(HOUR), output_field=DurationField())
    its_turn = Q(tries__lt=EAGER_TRIES) | Q(
        received_at__gt=at - KEPT_TRYING, received_at__lt=Value(at) - hours
    )
    waiting = ParkedReceipt.objects.for_org(org_id).filter(its_turn, pk__gt=after)
    return list(waiting.select_for_update(skip_locked=True).order_by("pk")[:SLICE])


def _match_all(org_id: int, rows: Sequence[ParkedReceipt]) -> list[int]:
    matched: list[int] = []
    for sender_id in sorted({row.sender_id for row in rows}):
        matched += _match(org_id, sender_id, [row for row in rows if row.sender_id == sender_id])
    ParkedReceipt.objects.for_org(org_id).filter(pk__in=matched).delete()
    left = {row.pk for row in rows} - set(matched)
    ParkedReceipt.objects.for_org(org_id).filter(pk__in=left).update(tries=F("tries") + 1)
    return matched


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
    key = _key(org_id, row.reference)
    fact = Fact(key, Event.from_json(row.body)) if key else None
    return fact if fact and fact.believable(row.received_at) else None


def _key(org_id: int, reference: str) -> LedgerKey | None:
    """The delivery of this org that a reference names, as far as it can be read today."""
    try:
        key = tokens.read_reference(reference)
    except tokens.Forged:
        return None
    return key if key.org == org_id and key.run else None
