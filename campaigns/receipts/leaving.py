"""Unsubscribing by the link of a message: at once, for good, and undone only by who did it (H-15 to H-19, Q-14)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.core import signing
from django.db import transaction
from django.utils.translation import gettext as _

from audiences import consent
from audiences.models import AddressOptOut, Channel, Customer, MessageClass, Subscription
from campaigns.models import Delivery, Recipient, Run
from campaigns.receipts import parked, recording
from campaigns.receipts.facts import Event, Fact
from channels.receipts import Kind
from channels.tokens import LedgerKey

SOURCE: Final = "unsubscribe link"
UNDONE: Final = "unsubscribe undone"
UNDO_WITHIN: Final = timedelta(hours=1)
_SALT: Final = "campaigns.receipts.leaving"
REASON_MOST: Final = 500


class Scope(StrEnum):
    """What somebody leaves."""

    CHANNEL = "channel"
    ALL = "all"


class Way(StrEnum):
    """How; the code of the event."""

    ONE_CLICK = "one-click"
    PAGE = "page"
    ALL = "page-all"


class UndoRefused(Exception):
    """The undo is too old, or not of this link; the text is fit for the customer."""


@dataclass(frozen=True)
class Place:
    """Which message it was, and to whom."""

    run: Run
    key: LedgerKey
    channel: Channel
    # The customer now (a merged one's survivor), None after erasure; the address that the message went to.
    customer_id: int | None
    address_key: int | None

    @property
    def channel_name(self) -> str:
        """As it stands within a sentence, in the language of the moment."""
        return _("e-mail") if self.channel is Channel.EMAIL else str(self.channel.label)


def find(key: LedgerKey) -> Place | None:
    """The message behind an unsubscribe link; None where there is none. Call inside the org's context.

    It asks for nothing that ends: campaign over, archived or stopped, the link works (H-17).
    """
    run = Run.objects.for_org(key.org).select_related("message").filter(pk=key.run).first()
    if run is None:
        return None
    customer = (
        Customer.objects.for_org(key.org).filter(id=key.customer).values_list("id", "merged_into").first()
    )
    return Place(
        run,
        key,
        Channel(run.message.channel),
        (customer[1] or customer[0]) if customer else None,
        _address_key(key),
    )


def _address_key(key: LedgerKey) -> int | None:
    """Of the queue where it still stands, else of the ledger, which outlives it."""
    of_run = {"run_on": key.run_on, "run_id": key.run, "seq": key.seq}
    queued = Recipient.objects.for_org(key.org).filter(**of_run).values_list("address_key", flat=True).first()
    if queued is not None:
        return queued
    return Delivery.objects.for_org(key.org).filter(**of_run).values_list("address_key", flat=True).first()


@transaction.atomic
def leave(place: Place, *, scope: Scope, way: Way, reason: str = "", at: datetime) -> str:
    """Opt out the address the message went to, or its customer on every channel. Safe to repeat.

    Returns what undoes it, signed; empty when there was nothing left to opt out of.
    """
    org_id, key = place.key.org, place.key
    moment = at + timedelta(seconds=place.run.clock_shift)
    raw = json.dumps({"reason": reason[:REASON_MOST]}, ensure_ascii=True) if reason else ""
    fact = Fact(key, Event("unsubscribe", Kind.UNSUBSCRIBED.value, moment, code=way.value, raw=raw))
    recorded = recording.record(org_id, [fact], received_at=at)
    parked.park(org_id, [(parked.reference_of(key), one.event) for one in recorded.missing], received_at=at)
    left = _still_in(place, scope)
    for channel, message_class in left:
        _opt_out(place, channel, message_class, at)
    if not left:
        return ""
    return signing.dumps({"of": [key.run, key.seq], "left": left}, salt=_SALT)


@transaction.atomic
def undo(place: Place, signed: str, *, at: datetime) -> None:
    """Take back what `leave` did, for this customer: a yes, dated now. Raises `UndoRefused`."""
    try:
        said = signing.loads(signed, salt=_SALT, max_age=UNDO_WITHIN)
    except signing.SignatureExpired as error:
        raise UndoRefused(_("This can be undone for one hour only.")) from error
    except signing.BadSignature as error:
        raise UndoRefused(_("This link is damaged.")) from error
    if said["of"] != [place.key.run, place.key.seq]:
        raise UndoRefused(_("This link is damaged."))
    if place.customer_id is None:
        return
    for channel, message_class in said["left"]:
        consent.record(
            place.key.org, place.customer_id, channel, message_class, value=True, at=at, source=UNDONE
        )


def _still_in(place: Place, scope: Scope) -> list[tuple[str, str]]:
    """The (channel, class) pairs to leave that the customer, or the address, had not left before."""
    own_classes = sorted({MessageClass.PROMOTIONAL.value, place.run.message.message_class})
    wanted = [(place.channel.value, each) for each in own_classes]
    if scope is Scope.ALL:
        wanted += [(each, MessageClass.PROMOTIONAL.value) for each in Channel.values if each != place.channel]
    said = Subscription.objects.for_org(place.key.org).filter(customer_id=place.customer_id, value=False)  # type: ignore[misc]  # never None here
    bound = AddressOptOut.objects.for_org(place.key.org).filter(channel=place.channel, key=place.address_key)  # type: ignore[misc]  # never None here
    left_by_customer = set(said.values_list("channel", "message_class"))
    left_by_address = set(bound.values_list("channel", "message_class"))
    return [
        pair
        for pair in wanted
        if pair not in left_by_customer
        or (pair[0] == place.channel and place.address_key is not None and pair not in left_by_address)
    ]


def _opt_out(place: Place, channel: str, message_class: str, at: datetime) -> None:
    org_id, customer_id = place.key.org, place.customer_id
    if channel == place.channel and place.address_key is not None:
        consent.opt_out_address(
            org_id,
            channel=channel,
            message_class=message_class,
            key=place.address_key,
            at=at,
            source=SOURCE,
            customer_id=customer_id,
        )
    elif customer_id is not None:
        consent.record(org_id, customer_id, channel, message_class, value=False, at=at, source=SOURCE)
