"""What customers write back: words that opt out or in, a cry for help, and everything else (H-38)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from audiences import consent
from audiences.consent import ContactEvent, Report
from audiences.contacts import Malformed, address_key, normal, region_of
from audiences.models import AddressRef, Channel, MessageClass
from campaigns.models import Delivery
from campaigns.receipts import recording
from campaigns.receipts.facts import Event, Fact
from channels.models import Sender
from channels.receipts import Inbound, Kind
from channels.replies import Words, words_of
from channels.sms.keywords import Asked
from channels.tokens import LedgerKey
from engage.orgs.models import OrgSettings

logger = logging.getLogger(__name__)

# A reply belongs to the newest delivery of that sender and address, if it is not older than this.
CREDITED_WITHIN: Final = timedelta(days=30)
SOURCE: Final = "reply"
HELP_CODE: Final = Asked.HELP.value

_NEWEST = """
SELECT d.customer_id, d.run_on, d.run_id, d.seq FROM campaigns_delivery d
WHERE d.org_id = %(org)s AND d.customer_id = ANY(%(customers)s::bigint[]) AND d.sender_id = %(sender)s
  AND d.address_key = %(key)s AND d.state IN (%(sent)s, %(unconfirmed)s)
  AND d.run_on BETWEEN %(since)s::date - 2 AND %(at)s::date + 1
  AND d.state_at BETWEEN %(since)s AND %(at)s
ORDER BY d.state_at DESC, d.run_id DESC, d.seq DESC LIMIT 1
"""


class Writer(NamedTuple):
    """Who wrote: an address and the customers who have it."""

    kind: str
    key: int
    customers: list[int]


class Answered(NamedTuple):
    """Replies taken in, and those that ask for help, by the delivery they are credited to."""

    credited: int
    help: list[Fact]


def take(sender: Sender, inbound: Sequence[Inbound], *, at: datetime) -> Answered:
    """Act on what customers wrote to this sender. Call inside the org's context. Safe to repeat."""
    if not inbound:
        return Answered(0, [])
    words = words_of(sender.org_id)
    region = region_of(OrgSettings.objects.for_org(sender.org_id).get())
    facts = []
    for text in inbound:
        writer = _writer(sender, text, region)
        if writer is not None:
            facts += _one(sender, text, writer, words, at)
    recorded = recording.record(sender.org_id, facts, received_at=at, sender_id=sender.pk)
    fresh = [fact for _, fact in recorded.fresh]
    return Answered(len(fresh), [fact for fact in fresh if fact.event.code == HELP_CODE])


def _writer(sender: Sender, text: Inbound, region: str) -> Writer | None:
    kind = Channel(sender.channel).contact_kind
    try:
        key = address_key(kind, normal(kind, text.address, region))
    except Malformed:
        logger.warning("sender %s: a reply from what is no %s", sender.pk, kind)
        return None
    found = AddressRef.objects.for_org(sender.org_id).filter(kind=kind, key=key)
    return Writer(kind, key, list(found.values_list("customer_id", flat=True)))


def _one(sender: Sender, text: Inbound, writer: Writer, words: Words, at: datetime) -> list[Fact]:
    asked = words.asked(text.text)
    if asked is Asked.OUT:
        _opt_out(sender, writer, text.at)
    elif asked is Asked.IN:
        _opt_in(sender, writer, text.at)
    consent.settle_contacts(
        sender.org_id,
        [Report(one, writer.kind, writer.key, ContactEvent.WROTE, text.at) for one in writer.customers],
    )
    key = _newest(sender, writer, text.at)
    if key is None:
        return []
    kind = Kind.UNSUBSCRIBED if asked is Asked.OUT else Kind.REPLIED
    code = SOURCE if asked is Asked.NOTHING else asked.value
    fact = Fact(key, Event(text.event_key, kind.value, text.at, code=code, raw=text.raw))
    return [fact] if fact.believable(at) else []


def _opt_out(sender: Sender, writer: Writer, at: datetime) -> None:
    """The word acts on address and channel: on both classes, and on whoever has the address (A-08)."""
    for message_class in MessageClass.values:
        for customer_id in writer.customers or [None]:  # type: ignore[list-item]  # None stands for nobody
            consent.opt_out_address(
                sender.org_id,
                channel=sender.channel,
                message_class=message_class,
                key=writer.key,
                at=at,
                source=SOURCE,
                customer_id=customer_id,
            )


def _opt_in(sender: Sender, writer: Writer, at: datetime) -> None:
    for message_class in MessageClass.values:
        for customer_id in writer.customers:
            consent.record(
                sender.org_id, customer_id, sender.channel, message_class, value=True, at=at, source=SOURCE
            )


def _newest(sender: Sender, writer: Writer, at: datetime) -> LedgerKey | None:
    if not writer.customers:
        return None
    params: dict[str, Any] = {
        "org": sender.org_id,
        "customers": writer.customers,
        "sender": sender.pk,
        "key": writer.key,
        "sent": Delivery.State.SENT,
        "unconfirmed": Delivery.State.UNCONFIRMED,
        "at": at,
        "since": at - CREDITED_WITHIN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, params)
        row = cursor.fetchone()
    return LedgerKey(sender.org_id, *row) if row else None
