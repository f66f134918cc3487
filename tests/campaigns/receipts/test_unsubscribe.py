"""Leaving by the link of a message: only a POST acts, it always does, and it acts at once."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from audiences.models import AddressOptOut, Channel, ContactPoint, Customer, Subscription
from campaigns.models import Campaign, Delivery, Run, ShortLink
from campaigns.receipts import optouts
from channels.tokens import (
    SHORT_UNSUBSCRIBE,
    RunSigner,
    link_token,
    open_token,
    short_text,
    unsubscribe_token,
)
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests.campaigns.receipts.ledgers import Ledger, ledger_of

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def ledger(org: Org) -> Ledger:
    with org_context(org.pk):
        return ledger_of(org, 2)


@pytest.fixture
def client() -> Client:
    """As a mail provider comes: no cookie, no CSRF token."""
    return Client(enforce_csrf_checks=True, headers=PERSON)


def path_of(ledger: Ledger, seq: int = 1) -> str:
    return f"/u/{unsubscribe_token(ledger.signer().sign(ledger.people[seq], seq)).decode()}"


def left(ledger: Ledger, seq: int = 1, channel: str = "email") -> bool:
    """Whether the gates hold this customer for opted out of promotional messages."""
    with org_context(ledger.org.pk):
        said = Subscription.objects.for_org(ledger.org).filter(
            customer_id=ledger.people[seq], channel=channel, message_class="promotional"
        )
        return said.filter(value=False).exists()


def events(ledger: Ledger, seq: int = 1) -> list[str]:
    with org_context(ledger.org.pk):
        return [event.kind for event in ledger.events(seq)]


@pytest.mark.parametrize("headers", [{}, {"Sec-Purpose": "prefetch"}, {"User-Agent": "Barracuda/5"}])
@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_opts_nobody_out(
    ledger: Ledger, client: Client, method: str, headers: dict[str, str]
) -> None:
    """H-16, Q-15"""
    answer = getattr(client, method)(path_of(ledger), headers=headers)
    assert answer.status_code == 200
    assert not answer.cookies
    assert not left(ledger)
    assert events(ledger) == []


@pytest.mark.parametrize("multipart", [True, False])
def test_one_click_always_opts_out(ledger: Ledger, client: Client, multipart: bool) -> None:
    """H-15, Q-15, A-08: form or multipart, no cookie, no redirect, repeatable."""
    form = {} if multipart else {"content_type": "application/x-www-form-urlencoded"}
    data: Any = ONE_CLICK if multipart else "List-Unsubscribe=One-Click"
    for _ in range(3):
        answer = client.post(path_of(ledger), data, **form)
        assert answer.status_code == 200
        assert not answer.cookies
    assert left(ledger)
    assert events(ledger) == ["unsubscribed"]
    with org_context(ledger.org.pk):
        key = ContactPoint.objects.for_org(ledger.org).get(customer_id=ledger.people[1]).key
        assert AddressOptOut.objects.for_org(ledger.org).filter(channel="email", key=key).exists()
        assert ledger.row().outcome == Delivery.Outcome.DELIVERED
        assert optouts.count(ledger.org.pk, [ledger.run.pk]) == 1
        assert ledger.findings() == []
    assert not left(ledger, 2)


def test_a_post_that_asks_for_nothing_opts_nobody_out(ledger: Ledger, client: Client) -> None:
    """Q-15"""
    for data in ({}, {"scope": "galaxy"}, {"List-Unsubscribe": "Two-Clicks"}):
        assert client.post(path_of(ledger), data).status_code == 400
    assert not left(ledger)


def test_the_page_asks_and_its_button_acts(ledger: Ledger, client: Client) -> None:
    """H-16, H-18"""
    page = client.get(path_of(ledger)).content.decode()
    assert "Acme Private Limited" in page
    assert ledger.addresses[1] not in page
    answer = client.post(path_of(ledger), {"scope": "channel", "reason": "too_many"})
    assert "You are unsubscribed" in answer.content.decode()
    assert left(ledger)
    assert not left(ledger, channel="sms")
    with org_context(ledger.org.pk):
        event = ledger.events()[0]
        assert (event.code, "too_many" in event.raw) == ("page", True)


def test_all_promotional_leaves_every_channel(ledger: Ledger, client: Client) -> None:
    """H-18"""
    client.post(path_of(ledger), {"scope": "all"})
    assert all(left(ledger, channel=channel) for channel in Channel.values)


def test_undo_takes_back_what_was_done(ledger: Ledger, client: Client) -> None:
    """H-18"""
    page = client.post(path_of(ledger), {"scope": "all"}).content.decode()
    undo = re.search(r'name="undo" value="([^"]+)"', page)
    assert undo is not None
    answer = client.post(path_of(ledger), {"undo": undo[1]})
    assert "Undone" in answer.content.decode()
    assert not any(left(ledger, channel=channel) for channel in Channel.values)
    with org_context(ledger.org.pk):
        assert optouts.count(ledger.org.pk, [ledger.run.pk]) == 1


def test_undo_gives_back_only_what_this_link_took(ledger: Ledger, client: Client) -> None:
    """H-18: who had left before stays away; another's undo, a forged or an old one does nothing."""
    client.post(path_of(ledger), ONE_CLICK)
    again = client.post(path_of(ledger), {"scope": "channel"}).content.decode()
    assert 'name="undo"' not in again
    theirs = client.post(path_of(ledger, 2), {"scope": "channel"}).content.decode()
    undo = re.search(r'name="undo" value="([^"]+)"', theirs)
    assert undo is not None
    for given in (undo[1], "forged", undo[1][:-1], signing.dumps({"of": [1, 1]}, salt="other")):
        assert client.post(path_of(ledger), {"undo": given}).status_code == 400
    assert left(ledger)


def test_the_link_never_expires(ledger: Ledger, client: Client) -> None:
    """H-17: after the campaign, archived, with the queue dropped and the customer erased."""
    long_ago = date(2020, 1, 1)
    with org_context(ledger.org.pk):
        Run.objects.for_org(ledger.org).update(status=Run.Status.STOPPED)
        Campaign.objects.for_org(ledger.org).update(
            archived_at=timezone.now(), end_on=long_ago, start_on=long_ago
        )
        ledger.forget_queue()
    assert client.post(path_of(ledger), ONE_CLICK).status_code == 200
    assert left(ledger)


def test_a_secret_that_was_replaced_still_opens_the_link(
    ledger: Ledger, client: Client, settings: Any
) -> None:
    """H-17"""
    path = path_of(ledger)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret"
    assert client.post(path, ONE_CLICK).status_code == 200
    assert left(ledger)


@pytest.mark.parametrize("change", ["altered", "a link's", "an open's", "nonsense", "another org's run"])
def test_a_damaged_link_shows_a_neutral_page(
    ledger: Ledger, client: Client, change: str, other_org: Org
) -> None:
    """H-17, H-22, Q-09"""
    path, signed = path_of(ledger), ledger.signer().sign(ledger.people[1], 1)
    elsewhere = RunSigner(org=other_org.pk, run_on=ledger.run.run_on, run=ledger.run.pk)
    damaged = {
        "altered": path[:-1] + ("A" if path[-1] != "A" else "B"),
        "a link's": f"/u/{link_token(signed, 0).decode()}",
        "an open's": f"/u/{open_token(signed).decode()}",
        "nonsense": "/u/hello",
        "another org's run": f"/u/{unsubscribe_token(elsewhere.sign(ledger.people[1], 1)).decode()}",
    }[change]
    for answer in (client.get(damaged), client.post(damaged, ONE_CLICK)):
        assert answer.status_code == 404
        page = answer.content.decode()
        assert "This link does not work." in page
        assert "Acme" not in page
    assert not left(ledger)


def test_the_link_of_a_test_or_preview_changes_nothing(ledger: Ledger, client: Client) -> None:
    """C-48"""
    signed = RunSigner(org=ledger.org.pk, run_on=ledger.run.run_on, run=0).sign(ledger.people[1], 1)
    for path in ("/u/preview", f"/u/{unsubscribe_token(signed).decode()}"):
        for answer in (client.get(path), client.post(path, ONE_CLICK)):
            assert answer.status_code == 200
            assert "This was a test" in answer.content.decode()
    assert not left(ledger)


def test_the_short_link_of_a_text_message_opts_out(ledger: Ledger, client: Client) -> None:
    """H-19, H-21, H-22"""
    code = ledger.signer().short_code(ledger.people[1], 1, SHORT_UNSUBSCRIBE)
    ShortLink.objects.create(
        code=code, org=ledger.org, customer_id=ledger.people[1], run_on=ledger.run.run_on, run_id=ledger.run.pk,
        seq=1, purpose=SHORT_UNSUBSCRIBE,
    )  # fmt: skip
    path = f"/{short_text(code)}"
    assert "Unsubscribe" in client.get(path).content.decode()
    assert not left(ledger)
    assert client.post(path, {"scope": "channel"}).status_code == 200
    assert left(ledger)
    assert client.get("/ZZZZZZZZZ").status_code == 404


def test_an_address_takes_everybody_along_who_has_it(ledger: Ledger, client: Client) -> None:
    """A-08, Q-14: a second customer with the address is held back by the address, without a word of their own."""
    client.post(path_of(ledger), ONE_CLICK)
    with org_context(ledger.org.pk):
        mine = ContactPoint.objects.for_org(ledger.org).get(customer_id=ledger.people[1])
        optouts_of_address = AddressOptOut.objects.for_org(ledger.org).filter(key=mine.key)
        assert set(optouts_of_address.values_list("channel", "message_class")) == {("email", "promotional")}


def test_leaving_before_the_ledger_row_is_there_acts_at_once(org: Org, client: Client) -> None:
    """Q-14, Q-15: the row may be seconds away."""
    with org_context(org.pk):
        ledger = ledger_of(org, sent=False)
    assert client.post(path_of(ledger), ONE_CLICK).status_code == 200
    assert left(ledger)
    with org_context(org.pk):
        key = ContactPoint.objects.for_org(org).get(customer_id=ledger.people[1]).key
        assert AddressOptOut.objects.for_org(org).filter(key=key).exists()


def test_a_merged_customers_link_opts_the_survivor_out(ledger: Ledger, client: Client) -> None:
    """A-02, H-17"""
    with org_context(ledger.org.pk):
        Customer.objects.for_org(ledger.org).filter(id=ledger.people[1]).update(merged_into=ledger.people[2])
        Delivery.objects.for_org(ledger.org).filter(run_id=ledger.run.pk, seq=1).update(
            customer_id=ledger.people[2]
        )
    client.post(path_of(ledger), ONE_CLICK)
    assert left(ledger, 2)
    with org_context(ledger.org.pk):
        assert [event.customer_id for event in ledger.events(1)] == [ledger.people[2]]


def test_a_malformed_body_is_a_bad_request(ledger: Ledger, client: Client) -> None:
    """Q-31"""
    answer = client.post(path_of(ledger), b"--x", content_type="multipart/form-data; boundary=")
    assert answer.status_code == 400
    assert not left(ledger)


def test_unsubscribed_counts_customers_and_channels_once(ledger: Ledger, client: Client) -> None:
    """M-13"""
    for seq in (1, 2, 1):
        client.post(path_of(ledger, seq), ONE_CLICK)
    with org_context(ledger.org.pk):
        assert optouts.count(ledger.org.pk, [ledger.run.pk]) == 2
        assert optouts.count(ledger.org.pk, []) == 0
