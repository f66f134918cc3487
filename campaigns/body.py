"""The body of a message version: all that decides who gets what and when (C-29), as one immutable JSON text.

Canonical: sorted keys, integers and strings only, UTC instants. The hash is `"1:" + sha256`. The send reads content
and schedule from here only; protections (consent, suppression, quiet hours, halts) are read live as well, and the
stricter holds (decisions 19).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

HASH_VERSION = "1"


class NotCanonical(ValueError):
    """A value that canonical JSON does not take: a float, a naive datetime, an unknown type."""


@dataclass(frozen=True)
class Content:
    """One content. `links` are the http(s) targets in the order of their numbers, tracked or not."""

    slot: int
    variant: int
    channel: str
    fields: dict[str, str]
    links: list[str]


@dataclass(frozen=True)
class SenderFacts:
    id: int
    identity: str
    display_name: str
    reply_to: str
    adapter: str


@dataclass(frozen=True)
class AudienceFacts:
    audience: int
    version: int
    digest: str
    exclude: int
    kind: str


@dataclass(frozen=True)
class Body:
    """Times are ISO 8601: instants in UTC, quiet hours as `HH:MM` of Org time; booleans are 0 and 1."""

    message: int
    campaign: int
    unit: int | None
    title: str
    message_class: str
    strategy: str
    channel: str
    contents: list[Content]
    sender: SenderFacts
    audiences: list[AudienceFacts]
    mode: str
    due_at: str
    zone: str
    campaign_starts_at: str
    campaign_ends_at: str
    control_permille: int
    split: str
    quiet_from: str
    quiet_until: str
    org_zone: str
    one_send_per_address: int
    unset_consent: str
    short_links: int
    track_links: int
    track_opens: int
    tracking_url: str
    send_to_control: int
    ignore_limits: int
    freeze_audience: str
    utm_campaign: str
    utm_source: str
    footer_name: str
    footer_address: str
    language: str
    currency: str
    number_format: str
    # Values of the merge tags that are the same for everybody: company, campaign, sender.
    constants: dict[str, str] = field(default_factory=dict)
    incentive: dict[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    throttle: dict[str, int] = field(default_factory=dict)
    # Colleagues who get a copy: their group, and its addresses when this was written.
    copy_group: str = ""
    copies: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Canonical JSON. Raises `NotCanonical`."""
        data = asdict(self)
        _check(data)
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The body that `text()` made."""
        data: dict[str, Any] = json.loads(text)
        data["contents"] = [Content(**content) for content in data["contents"]]
        data["audiences"] = [AudienceFacts(**audience) for audience in data["audiences"]]
        data["sender"] = SenderFacts(**data["sender"])
        return cls(**data)


def hash_text(text: str) -> str:
    """The hash that an approval is bound to."""
    return f"{HASH_VERSION}:{hashlib.sha256(text.encode()).hexdigest()}"


def instant(at: datetime) -> str:
    """An instant as canonical text: UTC, to the second."""
    if at.tzinfo is None:
        raise NotCanonical("an instant needs a zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise NotCanonical(f"key {key!r} is not text")
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
    elif value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise NotCanonical(f"{value!r} is neither text nor an integer")
