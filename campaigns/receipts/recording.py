"""Storing events and bringing the ledger into line with them: the one place through which facts reach a delivery.

Set-based: as many statements for one event as for five hundred. The rows are locked first, in the order of their keys;
every statement after that has a snapshot in which the events of whoever held the locks before are seen, so two
webhooks about one delivery cannot each miss what the other brought.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from audiences.models import Customer
from campaigns import tally
from campaigns.dispatch.ledger import numbers, texts
from campaigns.models import Delivery
from campaigns.receipts import bursts, recall
from campaigns.receipts.facts import EARLIEST, Fact
from campaigns.statements import statement
from channels import registry
from channels.models import Sender
from channels.outcome import OUTCOME_SQL
from channels.receipts import REASONS, USUAL_REASON
from channels.tokens import LedgerKey
from engage.orgs import months

EVENTS: Final = "campaigns_deliveryevent"
# The reason of a Sent row whose proof was a report (H-37): its acceptance is dated by the earliest one.
BY_REPORT: Final = "by_report"
# H-36: a provider that reported a temporary failure and nothing since has given up. H-39: nothing at all, for so long.
GIVEN_UP_AFTER: Final = timedelta(hours=72)
SILENT_AFTER: Final = timedelta(days=7)

_REASON = "CASE WHEN e.code IN ({}) THEN e.code ELSE CASE e.kind {} END END".format(
    ", ".join(f"'{reason}'" for reason in sorted(REASONS)),
    " ".join(f"WHEN '{kind}' THEN '{reason}'" for kind, reason in USUAL_REASON.items()),
)
_SETTLE: Final = statement("settle_receipts").format(
    sent=int(Delivery.State.SENT),
    unconfirmed=int(Delivery.State.UNCONFIRMED),
    failed=int(Delivery.State.FAILED),
    opened=tally.OPENED,
    clicked=tally.CLICKED,
    by_report=BY_REPORT,
    reason=_REASON,
    outcome=OUTCOME_SQL,
    early=EARLIEST.days,
)
# Key by key, in the order given: a lateral subquery that locks cannot become another kind of join.
_LOCK = """
SELECT d.*
FROM unnest(%(customer)s::bigint[], %(run_on)s::date[], %(run)s::bigint[], %(seq)s::bigint[])
     AS x(customer_id, run_on, run_id, seq)
CROSS JOIN LATERAL (
    SELECT d.customer_id, d.run_on, d.run_id, d.seq, d.message_id, d.channel, d.sender_id, d.address_key, d.state
    FROM campaigns_delivery d
    WHERE d.org_id = %(org)s AND d.customer_id = x.customer_id AND d.run_on = x.run_on AND d.run_id = x.run_id
      AND d.seq = x.seq AND d.run_on BETWEEN %(oldest)s AND %(newest)s
    FOR NO KEY UPDATE
) AS d
"""
# An event that is known stays as it came first, even if it comes again with another time. Two copies that race are
# told apart by the rows' locks.
_INSERT = """
INSERT INTO campaigns_deliveryevent
    (org_id, customer_id, event_on, run_on, run_id, seq, event_key, kind, at, received_at, code, machine, link, raw)
SELECT %(org)s, x.customer_id, (x.at AT TIME ZONE 'UTC')::date, x.run_on, x.run_id, x.seq, x.event_key, x.kind, x.at,
       %(received_at)s, x.code, x.machine, nullif(x.link, -1), x.raw
FROM unnest(%(customer)s::bigint[], %(run_on)s::date[], %(run)s::bigint[], %(seq)s::bigint[], %(event_key)s::text[],
            %(kind)s::text[], %(at)s::timestamptz[], %(code)s::text[], %(machine)s::bool[], %(link)s::smallint[],
            %(raw)s::text[])
     AS x(customer_id, run_on, run_id, seq, event_key, kind, at, code, machine, link, raw)
WHERE NOT EXISTS (
    SELECT FROM campaigns_deliveryevent e
    WHERE e.org_id = %(org)s AND e.customer_id = x.customer_id AND e.run_id = x.run_id AND e.seq = x.seq
      AND e.event_key = x.event_key AND e.event_on >= %(oldest)s::date - %(early)s OFFSET 0)
RETURNING run_id, seq, event_key
"""


class Row(NamedTuple):
    """A delivery, locked until the transaction ends."""

    key: LedgerKey
    message_id: int
    channel: str
    sender_id: int | None
    address_key: int | None
    state: int


@dataclass
class Recorded:
    """What became of some facts. `missing` have no delivery (yet): nothing of them was stored."""

    fresh: list[tuple[Row, Fact]] = field(default_factory=list)
    missing: list[Fact] = field(default_factory=list)


def record(
    org_id: int, facts: Sequence[Fact], *, received_at: datetime, sender_id: int | None = None
) -> Recorded:
    """Store events and settle their deliveries. Call inside the org's context. Safe to repeat and to race.

    `sender_id`: whose provider reports; another sender's delivery is no business of it and counts as missing.
    """
    recorded = Recorded()
    if not facts:
        return recorded
    rows = _found(org_id, facts, sender_id)
    known = [(rows[fact.key], fact) for fact in _once(facts) if fact.key in rows]
    recorded.missing = [fact for fact in facts if fact.key not in rows]
    if not known:
        return recorded
    months.ensure(EVENTS, {fact.event.at.astimezone(UTC).date() for _, fact in known})
    fresh = _insert(org_id, known, received_at)
    recorded.fresh = [
        (row, fact) for row, fact in known if (row.key.run, row.key.seq, fact.event.event_key) in fresh
    ]
    bursts.mark(org_id, [row.key for row, fact in recorded.fresh if fact.event.kind == "clicked"])
    settle(org_id, [row.key for row, _ in recorded.fresh], at=received_at)
    return recorded


def settle(org_id: int, keys: Iterable[LedgerKey], *, at: datetime) -> None:
    """Bring these deliveries into line with their events. The caller holds their locks (`lock`)."""
    keys = sorted(set(keys))
    if not keys:
        return
    senders = _receipts_of(org_id)
    params: dict[str, Any] = {
        **_columns(org_id, keys),
        "senders": numbers(senders),
        "receipts": texts(senders.values()),
        "tally": tally.fresh_key(),
        "given_up_before": at - GIVEN_UP_AFTER,
        "silent_before": at - SILENT_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, params)


def lock(org_id: int, keys: Iterable[LedgerKey]) -> dict[LedgerKey, Row]:
    """The deliveries of these keys, as far as they are in the ledger, locked until the transaction ends."""
    keys = sorted(set(keys))
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, _columns(org_id, keys))
        found = cursor.fetchall()
    rows = (
        Row(LedgerKey(org_id, *key), *rest) for *key, a, b, c, d, e in found for rest in [(a, b, c, d, e)]
    )
    return {row.key: row for row in rows}


def _found(org_id: int, facts: Sequence[Fact], sender_id: int | None) -> dict[LedgerKey, Row]:
    """The rows by the keys that the facts name; what a merged customer had is found with the survivor, once."""
    rows = lock(org_id, [fact.key for fact in facts])
    missing = {fact.key for fact in facts} - rows.keys()
    if missing:
        recall.recall(org_id, missing, sender_id)
        rows |= lock(org_id, missing)
        missing -= rows.keys()
    if missing:
        survivors = dict(
            Customer.objects.for_org(org_id)
            .filter(id__in={key.customer for key in missing}, merged_into__isnull=False)
            .values_list("id", "merged_into")
        )
        moved = {
            key: key._replace(customer=survivors[key.customer])  # type: ignore[arg-type]  # typed where it is made
            for key in missing
            if key.customer in survivors
        }
        theirs = lock(org_id, moved.values())
        rows |= {key: theirs[now] for key, now in moved.items() if now in theirs}
    if sender_id is None:
        return rows
    return {key: row for key, row in rows.items() if row.sender_id == sender_id}


def _once(facts: Sequence[Fact]) -> list[Fact]:
    """The first of each event: one request may hold it twice."""
    return list({(fact.key, fact.event.event_key): fact for fact in reversed(facts)}.values())[::-1]


def _insert(
    org_id: int, known: Sequence[tuple[Row, Fact]], received_at: datetime
) -> set[tuple[int, int, str]]:
    events = [fact.event for _, fact in known]
    params: dict[str, Any] = {
        **_columns(org_id, [row.key for row, _ in known]),
        "received_at": received_at,
        "early": EARLIEST.days,
        "event_key": texts(event.event_key for event in events),
        "kind": texts(event.kind for event in events),
        "at": texts(event.at.isoformat() for event in events),
        "code": texts(event.code for event in events),
        "machine": texts("t" if event.machine else "f" for event in events),
        "link": numbers(-1 if event.link is None else event.link for event in events),
        "raw": texts(event.raw for event in events),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, params)
        return {(run, seq, event_key) for run, seq, event_key in cursor.fetchall()}


def _columns(org_id: int, keys: Sequence[LedgerKey]) -> dict[str, Any]:
    days: list[date] = [key.run_on for key in keys]
    return {
        "org": org_id,
        "customer": numbers(key.customer for key in keys),
        "run_on": texts(day.isoformat() for day in days),
        "run": numbers(key.run for key in keys),
        "seq": numbers(key.seq for key in keys),
        "oldest": min(days),
        "newest": max(days),
    }


def _receipts_of(org_id: int) -> dict[int, str]:
    """What each sender's provider reports (H-32). An org has few senders."""
    senders = Sender.objects.for_org(org_id).only("adapter", "config")
    return {
        sender.pk: str(registry.adapter(sender.adapter).capabilities_with(sender.config).receipts)
        for sender in senders
    }
