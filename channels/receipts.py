"""Reports of providers: verified over the raw body, then written as events of one kind (H-35, Q-22).

The format is the sandbox carrier's, which a generic gateway may use as well (docs/channels.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

FRESH = timedelta(minutes=5)
TIMESTAMP_HEADER = "X-Carrier-Timestamp"
SIGNATURE_HEADER = "X-Carrier-Signature"


class Forged(Exception):
    """The report cannot be believed; the text is fit for a log."""


class Malformed(Exception):
    """A believed report that cannot be read; the text says what is wrong."""


class Kind(StrEnum):
    """Each of them proves that the provider has the message (H-37)."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    SOFT_BOUNCED = "soft_bounced"
    BOUNCED = "bounced"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


_KINDS = {kind.value: kind for kind in Kind}
# Reasons by receipt (H-39), and the one taken when a provider's own code is not among them.
REASONS = frozenset(
    {
        "mailbox_full",
        "temporary",
        "unknown_user",
        "domain_invalid",
        "blocked_operator",
        "unreachable",
        "expired",
        "complaint",
    }
)
USUAL_REASON = {
    Kind.SOFT_BOUNCED: "temporary",
    Kind.BOUNCED: "unknown_user",
    Kind.UNDELIVERED: "unreachable",
    Kind.EXPIRED: "expired",
    Kind.COMPLAINED: "complaint",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """One event. `code` is the provider's own; `at` its time; `raw` the event as it came."""

    event_id: str
    kind: Kind
    reference: str
    provider_id: str
    at: datetime
    code: str
    link: str
    raw: str

    @property
    def event_key(self) -> str:
        """The event's name in at most 64 characters: the same event always has the same."""
        return key_of(self.event_id)

    @property
    def reason(self) -> str:
        """The reason to show for a failure, empty for other kinds."""
        usual = USUAL_REASON.get(self.kind, "")
        return self.code if usual and self.code in REASONS else usual


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text that somebody sent to a sender (H-38)."""

    event_id: str
    address: str
    sender: str
    text: str
    at: datetime
    raw: str

    @property
    def event_key(self) -> str:
        return key_of(self.event_id)


@dataclass(frozen=True, slots=True)
class Reports:
    """What one request held. `unreadable` names the events that could not be read; the others stand."""

    receipts: tuple[Receipt, ...]
    inbound: tuple[Inbound, ...]
    unreadable: tuple[str, ...]


def verify(headers: Mapping[str, str], raw: bytes, secret: str, *, now: datetime) -> None:
    """Raises `Forged` unless `raw` was signed with `secret` within `FRESH` of now. No secret: nothing is
    believed.
    """
    if not secret:
        raise Forged("no secret is set for this sender")
    stamp = headers.get(TIMESTAMP_HEADER, "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13):
        raise Forged("the timestamp is missing or no number")
    expected = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    given = headers.get(SIGNATURE_HEADER, "").removeprefix("v1=")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise Forged("the signature is wrong")
    if abs(now.timestamp() - int(stamp)) > FRESH.total_seconds():
        raise Forged("the report is older than five minutes, or from the future")


def normalise(raw: bytes) -> Reports:
    """Raises `Malformed` when the body holds no list of events."""
    try:
        events = json.loads(raw)["events"]
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed('the body must be JSON: {"events": [...]}') from error
    if not isinstance(events, list):
        raise Malformed("“events” must be a list")
    receipts: list[Receipt] = []
    inbound: list[Inbound] = []
    unreadable: list[str] = []
    for number, event in enumerate(events):
        try:
            if isinstance(event, dict) and event.get("type") == "inbound":
                inbound.append(_inbound(event))
            else:
                receipts.append(_receipt(event))
        except Malformed as error:
            unreadable.append(f"event {number}: {error}")
    return Reports(tuple(receipts), tuple(inbound), tuple(unreadable))


def key_of(event_id: str) -> str:
    return event_id if len(event_id) <= 64 else hashlib.sha256(event_id.encode()).hexdigest()


def _receipt(event: object) -> Receipt:
    if not isinstance(event, dict):
        raise Malformed("not an object")
    kind = _text(event, "type")
    if kind not in _KINDS:
        raise Malformed(f"unknown type “{kind[:40]}”")
    return Receipt(
        event_id=_text(event, "event_id"),
        kind=_KINDS[kind],
        reference=_text(event, "reference", needed=False),
        provider_id=_text(event, "provider_id", needed=False),
        at=_instant(event),
        code=_text(event, "code", needed=False, most=60),
        link=_text(event, "link", needed=False, most=4000),
        raw=_raw(event),
    )


def _inbound(event: dict[str, Any]) -> Inbound:
    return Inbound(
        event_id=_text(event, "event_id"),
        address=_text(event, "from"),
        sender=_text(event, "to"),
        text=_text(event, "text", needed=False, most=2000),
        at=_instant(event),
        raw=_raw(event),
    )


def _text(event: dict[str, Any], name: str, *, needed: bool = True, most: int = 200) -> str:
    value = event.get(name, "")
    if value is None:
        value = ""
    if not isinstance(value, str) or len(value) > most:
        raise Malformed(f"“{name}” must be a text of at most {most} characters")
    if needed and not value:
        raise Malformed(f"“{name}” is missing")
    return value.replace("\0", "")


def _instant(event: dict[str, Any]) -> datetime:
    text = _text(event, "at")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed("“at” must be an ISO 8601 time") from error
    if at.tzinfo is None:
        raise Malformed("“at” needs an offset")
    return at


def _raw(event: dict[str, Any]) -> str:
    return json.dumps(event, sort_keys=True, ensure_ascii=True)
