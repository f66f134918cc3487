"""Reports of providers: which are believed, and how they are read."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import receipts
from channels.receipts import Forged, Kind, Malformed, normalise, verify

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
SECRET = "a shared secret"
EVENT = {
    "event_id": "acme-1-17-bounced",
    "reference": "ab12",
    "provider_id": "acme-1-17",
    "type": "bounced",
    "at": "2026-03-31T11:59:58.120Z",
    "code": "unknown_user",
}


def signed(raw: bytes, *, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    mark = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    return {receipts.TIMESTAMP_HEADER: stamp, receipts.SIGNATURE_HEADER: f"v1={mark}"}


def body(*events: object) -> bytes:
    return json.dumps({"events": list(events)}).encode()


def test_a_report_signed_over_its_raw_body_is_believed() -> None:
    """Q-22"""
    raw = body(EVENT)
    verify(signed(raw), raw, SECRET, now=NOW)
    verify(signed(raw, at=NOW - timedelta(minutes=5)), raw, SECRET, now=NOW)


@pytest.mark.parametrize(
    ("headers", "because"),
    [
        ({}, "timestamp"),
        (signed(body(EVENT), secret="another"), "signature"),
        (signed(body({**EVENT, "code": "temporary"})), "signature"),
        (signed(body(EVENT), at=NOW - timedelta(minutes=5, seconds=1)), "five minutes"),
        (signed(body(EVENT), at=NOW + timedelta(minutes=6)), "five minutes"),
        ({**signed(body(EVENT)), receipts.TIMESTAMP_HEADER: "1"}, "signature"),
        ({**signed(body(EVENT)), receipts.TIMESTAMP_HEADER: "yesterday"}, "timestamp"),
        ({**signed(body(EVENT)), receipts.TIMESTAMP_HEADER: "٣"}, "timestamp"),
        ({**signed(body(EVENT)), receipts.SIGNATURE_HEADER: "v1=é"}, "signature"),
        ({**signed(body(EVENT)), receipts.SIGNATURE_HEADER: ""}, "signature"),
    ],
)
def test_any_other_report_is_forged(headers: dict[str, str], because: str) -> None:
    """Q-22: altered, of another secret, old, from the future or unsigned."""
    with pytest.raises(Forged, match=because):
        verify(headers, body(EVENT), SECRET, now=NOW)


def test_without_a_secret_nothing_is_believed() -> None:
    """Q-22: not even what is signed with the empty secret."""
    raw = body(EVENT)
    with pytest.raises(Forged, match="no secret"):
        verify(signed(raw, secret=""), raw, "", now=NOW)


@pytest.mark.parametrize("kind", Kind)
def test_every_type_of_report_becomes_one_event(kind: Kind) -> None:
    """H-35: with the provider's time, its code and the event as it came."""
    (receipt,) = normalise(body({**EVENT, "type": kind, "link": "https://a.example"})).receipts

    assert receipt.kind is kind
    assert receipt.reference == "ab12"
    assert receipt.provider_id == "acme-1-17"
    assert receipt.at == datetime(2026, 3, 31, 11, 59, 58, 120_000, tzinfo=UTC)
    assert receipt.code == "unknown_user"
    assert receipt.link == "https://a.example"
    assert json.loads(receipt.raw)["event_id"] == "acme-1-17-bounced"


def test_the_types_are_those_of_the_specification() -> None:
    """H-35"""
    assert {kind.value for kind in Kind} == {
        "accepted", "deferred", "delivered", "opened", "clicked", "replied", "soft_bounced", "bounced", "undelivered",
        "expired", "unsubscribed", "complained",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("bounced", "domain_invalid", "domain_invalid"),
        ("bounced", "5.1.1 whatever", "unknown_user"),
        ("bounced", "", "unknown_user"),
        ("soft_bounced", "mailbox_full", "mailbox_full"),
        ("soft_bounced", "", "temporary"),
        ("undelivered", "blocked_operator", "blocked_operator"),
        ("undelivered", "", "unreachable"),
        ("expired", "", "expired"),
        ("complained", "", "complaint"),
        ("delivered", "unknown_user", ""),
    ],
)
def test_a_failure_by_receipt_has_a_reason(kind: str, code: str, reason: str) -> None:
    """H-39"""
    (receipt,) = normalise(body({**EVENT, "type": kind, "code": code})).receipts

    assert receipt.reason == reason


@pytest.mark.parametrize(
    "broken",
    [
        "text",
        {},
        {**EVENT, "type": "exploded"},
        {**EVENT, "type": None},
        {**EVENT, "at": "yesterday"},
        {**EVENT, "at": "2026-03-31T11:59:58"},
        {**EVENT, "event_id": ""},
        {**EVENT, "reference": ["a"]},
        {**EVENT, "reference": "x" * 201},
    ],
)
def test_one_unreadable_event_does_not_lose_the_others(broken: object) -> None:
    """H-35: it is named instead."""
    reports = normalise(body(EVENT, broken, {**EVENT, "type": "delivered"}))

    assert [receipt.kind for receipt in reports.receipts] == [Kind.BOUNCED, Kind.DELIVERED]
    assert len(reports.unreadable) == 1
    assert reports.unreadable[0].startswith("event 1: ")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"{}", b'{"events": {}}', b"\xff", b"null"])
def test_a_body_without_events_says_what_is_needed(raw: bytes) -> None:
    """H-35"""
    with pytest.raises(Malformed, match="events"):
        normalise(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_no_report_breaks_the_door(anything: Any) -> None:
    """H-35: whatever a provider sends is read or named."""
    reports = normalise(json.dumps({"events": [anything, EVENT]}).encode())

    assert len(reports.receipts) == 1
    assert len(reports.unreadable) == 1


def test_a_text_from_a_customer_is_inbound() -> None:
    """H-38"""
    event = {
        "event_id": "e1",
        "type": "inbound",
        "from": "+44700",
        "to": "EXAMPLE",
        "text": "Stop",
        "at": EVENT["at"],
    }
    (inbound,) = normalise(body(event)).inbound

    assert (inbound.address, inbound.sender, inbound.text) == ("+44700", "EXAMPLE", "Stop")


def test_an_event_keeps_its_name_in_64_characters() -> None:
    """H-35: so that a repeat is known."""
    long = normalise(body({**EVENT, "event_id": "x" * 150})).receipts[0]
    other = normalise(body({**EVENT, "event_id": "x" * 149 + "y"})).receipts[0]

    assert len(long.event_key) == 64
    assert long.event_key != other.event_key
    assert normalise(body(EVENT)).receipts[0].event_key == EVENT["event_id"]
