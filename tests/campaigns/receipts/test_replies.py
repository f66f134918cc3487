"""What customers write back (H-38)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from audiences.models import AddressOptOut, ContactPoint, Subscription
from campaigns import receipts
from campaigns.models import Delivery
from campaigns.receipts import Applied, optouts
from channels.models import ReplyWords
from channels.receipts import Inbound, Reports
from engage.orgs.models import Org
from tests.campaigns.receipts.ledgers import SENT_AT, Ledger, ledger_of

LATER = SENT_AT + timedelta(hours=1)
SMS = {"text": "News from us. Reply STOP to stop.", "allow_unicode": "1"}


@pytest.fixture
def ledger(inside: Org) -> Ledger:
    return ledger_of(inside, 2, adapter="sandbox-sms", channel="sms", identity="ACME", content=SMS)


def write(ledger: Ledger, text: str, *, at: timedelta = timedelta(minutes=5), event_id: str = "") -> Applied:
    moment = SENT_AT + at
    name = event_id or f"in-{text}-{moment.timestamp()}"
    raw = json.dumps({"from": ledger.addresses[1], "text": text})
    inbound = Inbound(name, ledger.addresses[1], "ACME", text, moment, raw)
    return receipts.apply(ledger.sender, Reports((), (inbound,), ()), at=moment + timedelta(seconds=1))


def said(ledger: Ledger) -> set[tuple[str, bool | None]]:
    rows = Subscription.objects.for_org(ledger.org).filter(customer_id=ledger.people[1], channel="sms")
    return set(rows.values_list("message_class", "value"))


@pytest.mark.parametrize("text", ["STOP", " stop! ", "Unsubscribe.", "QUIT"])
def test_a_word_opts_out_on_address_and_channel(ledger: Ledger, text: str) -> None:
    """H-38, A-08, Q-14"""
    write(ledger, text)
    assert said(ledger) == {("promotional", False), ("service", False)}
    key = ContactPoint.objects.for_org(ledger.org).get(customer_id=ledger.people[1]).key
    assert AddressOptOut.objects.for_org(ledger.org).filter(channel="sms", key=key).count() == 2
    assert [event.kind for event in ledger.events()] == ["unsubscribed"]
    assert optouts.count(ledger.org.pk, [ledger.run.pk]) == 1
    assert ledger.findings() == []


@pytest.mark.parametrize("text", ["Don't stop", "please stop it", "STOPP", ""])
def test_anything_else_is_a_reply(ledger: Ledger, text: str) -> None:
    """H-38, H-36"""
    assert write(ledger, text).replies == 1
    assert said(ledger) == set()
    assert [event.kind for event in ledger.events()] == ["replied"]
    assert ledger.row().outcome == Delivery.Outcome.DELIVERED


def test_start_opts_in_again(ledger: Ledger) -> None:
    """H-38, A-07"""
    write(ledger, "STOP")
    write(ledger, "START", at=timedelta(minutes=9))
    assert said(ledger) == {("promotional", True), ("service", True)}
    assert optouts.count(ledger.org.pk, [ledger.run.pk]) == 1


def test_orgs_add_words_per_language(ledger: Ledger) -> None:
    """H-38"""
    ReplyWords.objects.create(org=ledger.org, language="de", opt_out="Aufhören, Schluss")
    write(ledger, "schluss!")
    assert ("promotional", False) in said(ledger)


def test_help_is_to_be_answered_once(ledger: Ledger) -> None:
    """H-38"""
    assert len(write(ledger, "HELP", event_id="help-1").help) == 1
    assert write(ledger, "HELP", event_id="help-1").help == []


def test_a_reply_is_credited_to_the_newest_delivery(ledger: Ledger) -> None:
    """H-38"""
    newer = ledger_of(
        ledger.org, 1, sent=False, adapter="sandbox-sms", channel="sms", identity="ACME", content=SMS
    )
    write(ledger, "thanks")
    assert [event.kind for event in ledger.events()] == ["replied"]
    assert newer.events() == []


def test_a_reply_after_a_month_is_nobodys(ledger: Ledger) -> None:
    """H-38: the word still acts."""
    applied = write(ledger, "STOP", at=timedelta(days=31))
    assert applied.replies == 0
    assert ("promotional", False) in said(ledger)
    assert ledger.events() == []


def test_writing_clears_what_was_held_against_the_address(ledger: Ledger) -> None:
    """A-11"""
    contacts = ContactPoint.objects.for_org(ledger.org).filter(customer_id=ledger.people[1])
    contacts.update(state=ContactPoint.State.HARD_BOUNCED)
    write(ledger, "Hello?")
    assert contacts.get().state == ContactPoint.State.VALID
