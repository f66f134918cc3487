"""A provider's reports, taken in: matched to deliveries, recorded, acted on; what fits nowhere is parked (H-35)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connection, transaction

from campaigns.models import Run, ShortLink
from campaigns.receipts import consequences, parked, recording, replies
from campaigns.receipts.facts import Event, Fact
from channels import tokens
from channels.models import Sender
from channels.receipts import Receipt, Reports
from channels.tokens import HIDDEN_LINK, NO_RUN, LedgerKey

logger = logging.getLogger(__name__)

_DELAY = """
INSERT INTO campaigns_receiptday AS day
    (org_id, sender_id, day, reports, timed, delay_seconds, slowest_seconds, last_at)
VALUES (%(org)s, %(sender)s, %(day)s, %(reports)s, %(timed)s, %(delay)s, %(slowest)s, %(at)s)
ON CONFLICT (org_id, sender_id, day) DO UPDATE
SET reports = day.reports + excluded.reports, timed = day.timed + excluded.timed,
    delay_seconds = day.delay_seconds + excluded.delay_seconds,
    slowest_seconds = greatest(day.slowest_seconds, excluded.slowest_seconds),
    last_at = greatest(day.last_at, excluded.last_at)
"""


@dataclass
class Applied:
    """What became of one request's reports.

    `events` and `replies` were new, `help` are the replies to be answered; `unreadable` says which were refused, and
    why.
    """

    events: int = 0
    parked: int = 0
    replies: int = 0
    help: list[Fact] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class _Sorted(NamedTuple):
    """Reports by what can be done with them."""

    facts: list[Fact]
    unknown: list[tuple[str, Event]]
    refused: list[str]


@transaction.atomic
def apply(sender: Sender, reports: Reports, *, at: datetime) -> Applied:
    """Take in what a provider's webhook said. Call inside the org's context. Safe to repeat, in any order (Q-23).

    The reports have been verified. `at` is the server's clock.
    """
    org_id = sender.org_id
    ready = _sort(org_id, reports.receipts, at)
    recorded = recording.record(org_id, ready.facts, received_at=at, sender_id=sender.pk)
    consequences.act(org_id, recorded.fresh)
    waiting = [(parked.reference_of(fact.key), fact.event) for fact in recorded.missing] + ready.unknown
    answered = replies.take(sender, reports.inbound, at=at)
    applied = Applied(
        events=len(recorded.fresh),
        parked=parked.park(org_id, waiting, sender_id=sender.pk, received_at=at),
        replies=answered.credited,
        help=answered.help,
        unreadable=[*reports.unreadable, *ready.refused],
    )
    if applied.unreadable:
        logger.warning("sender %s reported what cannot be read: %s", sender.pk, applied.unreadable[:3])
    _note_delay(sender, [fact for _, fact in recorded.fresh], at)
    return applied


def _sort(org_id: int, receipts: Sequence[Receipt], at: datetime) -> _Sorted:
    found = _Sorted([], [], [])
    codes = _short_links(org_id, receipts)
    for number, receipt in enumerate(receipts):
        key = _key_of(org_id, receipt.reference)
        if key is not None and key.run == NO_RUN:
            continue
        event = _event(receipt, key, codes)
        if key is None:
            found.unknown.append((receipt.reference or receipt.provider_id, event))
        elif (fact := Fact(key, event)).believable(at):
            found.facts.append(fact)
        else:
            found.refused.append(f"receipt {number}: its time {receipt.at.isoformat()} cannot be")
    return found


def _key_of(org_id: int, reference: str) -> LedgerKey | None:
    """The delivery that a reference names; None for a reference that was not made here, or for another org."""
    try:
        key = tokens.read_reference(reference)
    except tokens.Forged:
        return None
    return key if key.org == org_id else None


def _event(receipt: Receipt, key: LedgerKey | None, codes: dict[int, ShortLink]) -> Event:
    link = _link_of(receipt.link, key, codes) if key is not None and receipt.link else None
    return Event(
        event_key=receipt.event_key,
        kind=receipt.kind.value,
        at=receipt.at,
        code=receipt.code,
        machine=link == HIDDEN_LINK,
        link=link,
        raw=receipt.raw,
    )


def _link_of(address: str, key: LedgerKey, codes: dict[int, ShortLink]) -> int | None:
    """The number of the link that a provider saw followed; None where it is no tracked link of this delivery."""
    name = address.rsplit("/", 1)[-1]
    try:
        whose, link = tokens.read_link(name)
    except tokens.Forged:
        short = codes.get(code) if (code := _code_of(name)) is not None else None
        if short is None or (short.run_id, short.seq) != (key.run, key.seq) or short.purpose < 0:
            return None
        return short.purpose
    return link if whose == key else None


def _short_links(org_id: int, receipts: Iterable[Receipt]) -> dict[int, ShortLink]:
    codes = {code for receipt in receipts if (code := _code_of(receipt.link.rsplit("/", 1)[-1])) is not None}
    found = ShortLink.objects.filter(org_id=org_id, code__in=codes) if codes else []
    return {short.code: short for short in found}


def _code_of(name: str) -> int | None:
    try:
        return tokens.read_short(name)
    except tokens.Forged:
        return None


def _note_delay(sender: Sender, facts: Sequence[Fact], at: datetime) -> None:
    """How late the reports came, for the dashboard (M-38). Simulated runs are dated in the past on purpose."""
    if not facts:
        return
    runs = {fact.key.run for fact in facts}
    simulated = set(
        Run.objects.for_org(sender.org_id).filter(pk__in=runs, simulated=True).values_list("pk", flat=True)
    )
    delays = [
        max(0, int((at - fact.event.at).total_seconds())) for fact in facts if fact.key.run not in simulated
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _DELAY,
            {
                "org": sender.org_id,
                "sender": sender.pk,
                "day": at.astimezone(UTC).date(),
                "reports": len(facts),
                "timed": len(delays),
                "delay": sum(delays),
                "slowest": max(delays, default=0),
                "at": at,
            },
        )
