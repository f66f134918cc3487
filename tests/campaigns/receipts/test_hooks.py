"""The webhook's door: only what the provider signed, just now, is believed (Q-22)."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Delivery, ParkedReceipt
from channels import registry, senders
from channels.models import Sender
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests.campaigns.receipts.ledgers import Ledger, ledger_of

SECRET = "what the provider signs with"
Outcome = Delivery.Outcome


@pytest.fixture
def ledger(org: Org) -> Ledger:
    with org_context(org.pk):
        return ledger_of(org)


@pytest.fixture
def token(ledger: Ledger) -> str:
    return _hook(ledger.sender, SECRET)


def _hook(sender: Sender, secret: str) -> str:
    hook = senders.Hook(f"token-of-{sender.pk}", secret)
    with org_context(sender.org_id):
        senders.open_hook(sender, hook, by=None, at=timezone.now())
    return hook.token


def signed(body: bytes, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    stamp = str(int((at or timezone.now()).timestamp()))
    mark = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Carrier-Timestamp": stamp, "X-Carrier-Signature": f"v1={mark}"}


def body_of(ledger: Ledger, kind: str = "delivered", **fields: Any) -> bytes:
    event = {
        "event_id": "e1",
        "reference": ledger.reference(),
        "type": kind,
        "at": "2026-11-24T10:03:00Z",
    } | fields
    return json.dumps({"events": [event]}).encode()


def post(token: str, body: bytes, headers: dict[str, str]) -> Any:
    return Client().post(f"/hooks/{token}/", body, content_type="application/json", headers=headers)


def outcome(ledger: Ledger) -> int | None:
    with org_context(ledger.org.pk):
        return ledger.row().outcome


def test_a_signed_report_is_taken_in(ledger: Ledger, token: str) -> None:
    """H-35, Q-22"""
    body = body_of(ledger)
    answer = post(token, body, signed(body))
    assert answer.status_code == 200
    assert answer.json() == {"events": 1, "parked": 0, "replies": 0, "unreadable": []}
    assert outcome(ledger) == Outcome.DELIVERED


def test_a_repeated_report_is_welcome_and_changes_nothing(ledger: Ledger, token: str) -> None:
    """Q-22, Q-23, H-35"""
    body = body_of(ledger)
    for expected in (1, 0, 0):
        assert post(token, body, signed(body)).json()["events"] == expected
    with org_context(ledger.org.pk):
        assert len(ledger.events()) == 1
        assert ledger.findings() == []


@pytest.mark.parametrize(
    "forgery", ["unsigned", "other secret", "altered body", "stale", "future", "no timestamp"]
)
def test_what_is_not_signed_and_fresh_is_refused(ledger: Ledger, token: str, forgery: str) -> None:
    """Q-22"""
    body = body_of(ledger, "bounced")
    headers = signed(body)
    if forgery == "unsigned":
        headers = {}
    elif forgery == "other secret":
        headers = signed(body, secret="guessed")
    elif forgery == "altered body":
        body = body.replace(b"bounced", b"delivered")
    elif forgery == "stale":
        headers = signed(body, at=timezone.now() - timedelta(minutes=6))
    elif forgery == "future":
        headers = signed(body, at=timezone.now() + timedelta(minutes=6))
    else:
        del headers["X-Carrier-Timestamp"]
    assert post(token, body, headers).status_code == 403
    assert outcome(ledger) == Outcome.IN_FLIGHT
    with org_context(ledger.org.pk):
        assert ledger.events() == []


def test_without_a_secret_nothing_is_believed(ledger: Ledger, token: str) -> None:
    """Q-22: closed when none is configured, whatever the signature."""
    with org_context(ledger.org.pk):
        Sender.objects.for_org(ledger.org).filter(pk=ledger.sender.pk).update(hook_secret="")
    body = body_of(ledger)
    assert post(token, body, signed(body, secret="")).status_code == 403
    assert outcome(ledger) == Outcome.IN_FLIGHT


def test_a_secret_that_cannot_be_read_believes_nothing(ledger: Ledger, token: str) -> None:
    """Q-22: after a change of the key that encrypts it."""
    with org_context(ledger.org.pk):
        Sender.objects.for_org(ledger.org).filter(pk=ledger.sender.pk).update(
            hook_secret="gAAAAAB" + "x" * 60
        )
    body = body_of(ledger)
    assert post(token, body, signed(body, secret="")).status_code == 403


def test_an_unknown_address_takes_nothing(ledger: Ledger) -> None:
    """Q-22"""
    body = body_of(ledger)
    assert post("nobody", body, signed(body)).status_code == 404
    assert Client().get("/hooks/nobody/").status_code == 405


def test_a_new_webhook_kills_the_former_one(ledger: Ledger, token: str) -> None:
    """H-30, Q-22"""
    newer = senders.new_hook()
    with org_context(ledger.org.pk):
        senders.open_hook(ledger.sender, newer, by=None, at=timezone.now())
    body = body_of(ledger)
    assert post(token, body, signed(body)).status_code == 404
    assert post(newer.token, body, signed(body, secret=newer.secret)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b'{"events": 3}', b"\xff\xfe"])
def test_a_body_that_is_no_list_of_events_is_named(ledger: Ledger, token: str, body: bytes) -> None:
    """Q-31"""
    answer = post(token, body, signed(body))
    assert answer.status_code == 400
    assert "events" in answer.json()["error"]


def test_one_bad_event_does_not_lose_the_others(ledger: Ledger, token: str) -> None:
    """H-35"""
    good = json.loads(body_of(ledger))["events"][0]
    body = json.dumps({"events": [{"type": "what"}, good, 7]}).encode()
    answer = post(token, body, signed(body)).json()
    assert (answer["events"], len(answer["unreadable"])) == (1, 2)
    assert outcome(ledger) == Outcome.DELIVERED


def test_one_orgs_webhook_moves_nothing_of_another(ledger: Ledger, token: str, other_org: Org) -> None:
    """Q-09: with their own address and secret, and a true reference of ours."""
    with org_context(other_org.pk):
        theirs = ledger_of(other_org)
    their_token = _hook(theirs.sender, "their secret")
    body = body_of(ledger, "bounced")
    assert post(their_token, body, signed(body, secret="their secret")).json()["parked"] == 1
    assert outcome(ledger) == Outcome.IN_FLIGHT
    assert post(token, body_of(theirs, "bounced"), signed(body_of(theirs, "bounced"))).json()["events"] == 0
    assert outcome(theirs) == Outcome.IN_FLIGHT
    with org_context(ledger.org.pk):
        assert ParkedReceipt.objects.for_org(ledger.org).count() == 1


def test_an_adapter_without_reports_believes_none(
    ledger: Ledger, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-22, H-32"""
    silent = replace(registry.adapter(ledger.sender.adapter), receipts=None)
    monkeypatch.setitem(registry._ADAPTERS, silent.key, silent)
    body = body_of(ledger)
    assert post(token, body, signed(body)).status_code == 403
