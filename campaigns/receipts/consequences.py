"""What reports teach about addresses (A-10), and whom they opt out (H-37). Only of events that were new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from audiences import consent
from audiences.consent import ContactEvent, Report
from audiences.models import Channel, MessageClass
from campaigns.models import Message
from campaigns.receipts.facts import Event, Fact
from campaigns.receipts.recording import Row
from channels.receipts import REASONS, USUAL_REASON

# The address itself is at fault; a filter of the operator or a phone that is off says nothing final about it.
_HARD: Final = frozenset({"unknown_user", "domain_invalid"})
_REACHED: Final = frozenset({"delivered", "opened", "clicked", "replied"})
_SOFT: Final = frozenset({"soft_bounced", "undelivered", "expired"})
OPT_OUTS: Final = {"complained": "complaint", "unsubscribed": "unsubscribe at the provider"}


def act(org_id: int, fresh: Sequence[tuple[Row, Fact]]) -> None:
    """Keep the books of the addresses, and opt out whoever complained or unsubscribed at the provider."""
    consent.settle_contacts(
        org_id,
        [
            Report(
                row.key.customer, Channel(row.channel).contact_kind, row.address_key, taught, fact.event.at
            )
            for row, fact in fresh
            if row.address_key is not None and (taught := lesson(fact.event))
        ],
    )
    leaving = [(row, fact) for row, fact in fresh if fact.event.kind in OPT_OUTS]
    classes = classes_of(org_id, {row.message_id for row, _ in leaving})
    for row, fact in leaving:
        opt_out(org_id, row, classes[row.message_id], at=fact.event.at, source=OPT_OUTS[fact.event.kind])


def lesson(event: Event) -> ContactEvent | None:
    """What a final report says of the address it went to."""
    if event.machine:
        return None
    if event.kind in _REACHED:
        return ContactEvent.DELIVERED
    reason = event.code if event.code in REASONS else USUAL_REASON.get(event.kind, "")  # type: ignore[call-overload]  # a column of our own query
    if reason in _HARD:
        return ContactEvent.HARD_BOUNCED
    return ContactEvent.SOFT_BOUNCED if event.kind in _SOFT and reason != "blocked_operator" else None


def classes_of(org_id: int, message_ids: Iterable[int]) -> dict[int, set[str]]:
    """What leaving through each message ends: promotional messages, and those of its own class."""
    found = Message.objects.for_org(org_id).filter(pk__in=set(message_ids)).values_list("pk", "message_class")
    return {pk: {MessageClass.PROMOTIONAL.value, own} for pk, own in found}


def opt_out(org_id: int, row: Row, classes: Iterable[str], *, at: datetime, source: str) -> None:
    """Opt out the address that the delivery went to, for everybody who has it (A-08), and its customer."""
    for message_class in sorted(classes):
        if row.address_key is None:
            consent.record(
                org_id, row.key.customer, row.channel, message_class, value=False, at=at, source=source
            )
        else:
            consent.opt_out_address(
                org_id,
                channel=row.channel,
                message_class=message_class,
                key=row.address_key,
                at=at,
                source=source,
                customer_id=row.key.customer,
            )
