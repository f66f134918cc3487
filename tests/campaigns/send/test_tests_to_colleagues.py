"""Tests of a message: to colleagues only, marked, untracked, once, and counted nowhere."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from audiences.models import AddressOptOut
from campaigns import test_sends
from campaigns.clock import database_now
from campaigns.models import Delivery, Message, MessageContent, Run, TestContact, TestSend
from campaigns.test_sends import TestRefused
from channels.models import Sender
from engage.orgs.access import NotAllowed
from engage.orgs.models import DueWork, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests.campaigns import factories as made
from tests.campaigns.send import world as worlds
from tests.campaigns.send.world import World
from tests.local.carriers import Carrier


def _draft(world: World, **content: str) -> Message:
    draft = made.lifecycle.create(
        made.campaign(world.org, world.writer, at=database_now()),
        by=world.writer,
        at=database_now(),
        title="Tested",
        sender=world.sender,
        channel=world.channel,
    )
    fields = worlds.EMAIL | content if world.channel == "email" else content
    MessageContent.objects.create(org=world.org, message=draft, channel=world.channel, fields=fields)
    made.MessageAudience.objects.create(org=world.org, message=draft, audience=world.audience)
    return draft


def _contact(world: World, address: str, **fields: Any) -> TestContact:
    return TestContact.objects.create(
        org=world.org,
        name="Colleague",
        channel=world.channel,
        address=address,
        created_at=database_now(),
        **fields,
    )


def _ask(
    world: World, draft: Message, contacts: list[TestContact], by: User | None = None, **more: Any
) -> Any:
    return test_sends.ask(
        draft,
        contacts,
        access=made.access(by or world.writer, world.org),
        settings=made.settings_of(world.org),
        at=database_now(),
        **more,
    )


def _received(world: World) -> tuple[str, str]:
    """The address and the message as the carrier took it."""
    (sent,) = world.account.get("/v1/outbox").json()
    raw = world.account.get(f"/v1/outbox/{sent['id']}").text
    return sent["to"], raw


def _mail(world: World) -> EmailMessage:
    return message_from_string(_received(world)[1], policy=default)


def _html(mail: EmailMessage) -> str:
    part = mail.get_body(preferencelist=("html",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def test_a_test_is_marked_untracked_and_counted_nowhere(world: World) -> None:
    """C-48, M-02: rendered with a customer's values."""
    with org_context(world.org.pk):
        draft = _draft(world)
        (test,) = _ask(world, draft, [_contact(world, "kim@acme.example")], customer_id=world.people[0])
        assert DueWork.objects.filter(org=world.org, kind=test_sends.DUE_KIND, ref_id=test.pk).exists()
    for _ in range(2):
        test_sends.hand_over(world.org.pk, test.pk)
    assert len(world.account.ledger()) == 1
    mail = _mail(world)
    assert (mail["To"], mail["Subject"]) == ("kim@acme.example", "[TEST] News for Asha")
    html = _html(mail)
    assert "https://shop.example/new" in html
    assert not re.search(r"/[co]/", html.replace("https://shop.example/new", ""))
    with org_context(world.org.pk):
        assert not Delivery.objects.for_org(world.org).exists()
        assert not Run.objects.for_org(world.org).exists()
        test.refresh_from_db()
        assert test.finished_at
        assert test.result == ""
        assert not DueWork.objects.filter(org=world.org, kind=test_sends.DUE_KIND).exists()


def test_two_bells_at_once_hand_over_once(world: World) -> None:
    """C-48"""
    with org_context(world.org.pk):
        (test,) = _ask(world, _draft(world), [_contact(world, "kim@acme.example")])

    def ring(_: int) -> None:
        try:
            test_sends.hand_over(world.org.pk, test.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(ring, range(4)))
    assert len(world.account.ledger()) == 1


def test_the_unsubscribe_page_of_a_test_changes_nothing(world: World) -> None:
    """C-48, Q-15"""
    with org_context(world.org.pk):
        (test,) = _ask(world, _draft(world), [_contact(world, "kim@acme.example")])
    test_sends.hand_over(world.org.pk, test.pk)
    found = re.search(r"(/u/[^>]+)>", str(_mail(world)["List-Unsubscribe"]))
    assert found
    answer = Client().post(found[1], {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    with org_context(world.org.pk):
        assert not AddressOptOut.objects.for_org(world.org).exists()


def test_a_text_message_begins_with_the_mark_and_its_short_links_lead_somewhere(
    transactional_db: None, carrier: Carrier
) -> None:
    """C-48, H-21"""
    world = worlds.make(carrier, 0, channel="sms")
    with org_context(world.org.pk):
        draft = _draft(world, text="New season. Stop: {{ unsubscribe }}", allow_unicode="1")
        (test,) = _ask(world, draft, [_contact(world, "+919876543210")])
    test_sends.hand_over(world.org.pk, test.pk)
    text = json.loads(_received(world)[1])["text"]
    assert text.startswith("[TEST] New season.")
    found = re.search(r"https?://[^/]+(/\S+)", text)
    assert found
    assert Client().get(found[1]).status_code == 200


def test_a_member_has_ten_tests_a_day(world: World) -> None:
    """C-48, T-24"""
    with org_context(world.org.pk):
        draft = _draft(world)
        contacts = [_contact(world, f"c{n}@acme.example") for n in range(11)]
        with pytest.raises(TestRefused, match="10 more"):
            _ask(world, draft, contacts)
        _ask(world, draft, contacts[:9])
        with pytest.raises(TestRefused, match="1 more"):
            _ask(world, draft, contacts[:2])
        _ask(world, draft, contacts[:1])
        with pytest.raises(TestRefused, match="0 more"):
            _ask(world, draft, contacts[:1])
        # Somebody else has an allowance of their own, and yesterday's do not count.
        _ask(world, draft, contacts[:1], by=world.admin)
        TestSend.objects.for_org(world.org).update(at=database_now() - timedelta(hours=24, seconds=1))
        assert len(_ask(world, draft, contacts[:10])) == 10


def test_a_test_is_refused_with_what_to_do(world: World) -> None:
    """C-48, T-12"""
    with org_context(world.org.pk):
        draft = _draft(world)
        contact = _contact(world, "kim@acme.example")
        with pytest.raises(TestRefused, match="at least one"):
            _ask(world, draft, [])
        with pytest.raises(NotAllowed):
            _ask(world, draft, [contact], by=made.person(world.org, "analyst"))
        MessageContent.objects.for_org(world.org).update(
            fields=worlds.EMAIL | {"html": "{{ customer.gender }} " + worlds.EMAIL["html"]}
        )
        with pytest.raises(TestRefused, match="would be skipped"):
            _ask(world, draft, [contact], customer_id=world.people[0])
        _ask(world, draft, [contact], customer_id=world.people[0], values={"customer.gender": "female"})
        Sender.objects.for_org(world.org).update(status="paused")
        with pytest.raises(TestRefused, match="active sender"):
            _ask(world, Message.objects.for_org(world.org).get(pk=draft.pk), [contact])


def test_what_the_provider_refuses_is_told(world: World) -> None:
    """C-48"""
    world.account.behaves(answer="refuse", code="content_rejected")
    with org_context(world.org.pk):
        (test,) = _ask(world, _draft(world), [_contact(world, "kim@acme.example")])
    test_sends.hand_over(world.org.pk, test.pk)
    with org_context(world.org.pk):
        test.refresh_from_db()
        assert test.finished_at
        assert test.result.endswith(".")


def test_content_that_changed_for_the_worse_meanwhile_is_not_sent(world: World) -> None:
    """C-48"""
    with org_context(world.org.pk):
        (test,) = _ask(world, _draft(world), [_contact(world, "kim@acme.example")])
        MessageContent.objects.for_org(world.org).update(fields={"subject": "", "html": ""})
    test_sends.hand_over(world.org.pk, test.pk)
    assert world.account.ledger() == []
    with org_context(world.org.pk):
        test.refresh_from_db()
        assert test.result


def test_settings_change_the_allowance(world: World) -> None:
    """T-24"""
    with org_context(world.org.pk):
        OrgSettings.objects.for_org(world.org).update(test_sends_per_day=1)
        with pytest.raises(TestRefused, match="1 more"):
            _ask(world, _draft(world), [_contact(world, f"c{n}@acme.example") for n in range(2)])
