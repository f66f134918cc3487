"""What a channel adapter promises, in the words the dispatcher and every adapter share.

An adapter is one provider for one channel. It knows no model of ours, repeats nothing by itself and answers
exactly once for every message it took (H-33).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Any, NamedTuple, Protocol

# From the moment a message is taken to its answer, in seconds (H-33).
ANSWER_WITHIN = 20.0


class Outcome(Enum):
    ACCEPTED = auto()  # the provider has it: Sent
    REFUSED = auto()  # it will never take this one: Failed
    LATER = auto()  # provably not handed over: Queued again
    UNKNOWN = auto()  # the answer was lost: Unconfirmed, never sent again by machine


class Reason(StrEnum):
    """Why a hand-over did not succeed (H-39). `busy` and `unreachable` end as `retries_exhausted`."""

    SENDER_REJECTED = "sender_rejected"
    AUTH_FAILED = "auth_failed"
    TEMPLATE_ERROR = "template_error"
    CONTENT_REJECTED = "content_rejected"
    ADDRESS_REFUSED = "address_refused"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"


class Result(NamedTuple):
    """The answer for one message.

    `connection_fault`: the fault was the connection's, not the message's, so it uses up no attempt.
    `retry_after` is in seconds, None when the provider named no time.
    """

    outcome: Outcome
    reason: Reason | None = None
    provider_id: str = ""
    retry_after: float | None = None
    detail: str = ""
    connection_fault: bool = False


class Outgoing(NamedTuple):
    """One message, ready to leave.

    `body` is what the channel's compiler rendered: an RFC 5322 message, or UTF-8 text. `reference` is the
    signed ledger key that the provider carries back in receipts; `repeat_key` is what a provider that honours
    one recognises a repeated hand-over by.
    """

    key: int
    to: str
    body: bytes
    reference: str
    repeat_key: str


class Fault(NamedTuple):
    """Why a connection could not be had or kept: the sender backs off, nobody's attempt is used up."""

    reason: Reason
    detail: str
    retry_after: float | None = None


Report = Callable[[int, Result], None]


class Feed(Protocol):
    """Where an adapter takes messages from, one at a time, each in the step that writes its first byte.

    A plain iterator would let a task switch happen between the look at the halt flag and that byte; `take`
    does not.
    """

    def take(self) -> Outgoing | None:
        """The next message, which has then begun; None while none may begin. Must not raise or block."""

    async def wait(self) -> bool:
        """Return True once `take` may have something, False when it never will again. Many may wait at once."""


class Channel(Protocol):
    """One provider for one channel."""

    async def send(self, feed: Feed, report: Report) -> Fault | None:
        """Hand over until the feed ends, then wait for what is in flight.

        `report` is called exactly once for every message taken, within `ANSWER_WITHIN` seconds of taking it.
        Returns early, with the fault, when the provider cannot be worked with now; what was not taken stays
        in the feed. Raises only for a broken adapter or feed.
        """


class Receipts(StrEnum):
    """Which reports an adapter's provider gives (H-32, H-36)."""

    FULL = "full"
    BOUNCES = "bounces"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an adapter states about itself (H-32)."""

    channel: str
    contact: str  # kind of contact point: "email", "phone"
    limits: Mapping[str, int] = field(default_factory=dict)  # field name → most characters
    receipts: Receipts
    opens: bool = False
    clicks: bool = False
    replies: bool = False
    price_unit: str
    per_second: int  # the pace it is made for
    honours_repeat_key: bool = False
    largest_batch: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderFacts:
    """What an adapter and a compiler need of a sender. `secret` is in the clear here and never printed."""

    id: int
    channel: str
    adapter: str
    identity: str
    display_name: str = ""
    reply_to: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
