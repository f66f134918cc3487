"""Copies to a brand group: one for each colleague and run, marked, nobody's values in them, counted nowhere (C-15)."""

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

from audiences.models import AddressOptOut, Subscription
from campaigns import brand_copies, freeze, halt, lifecycle, progress, tasks, verify, versions
from campaigns.body import Body
from campaigns.clock import database_now
from campaigns.models import BrandContact, BrandCopy, Delivery, Message, Run
from engage.orgs import due
from engage.orgs.models import DueWork
from engage.orgs.tenancy import org_context
from tests.campaigns import factories as made
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import begin, drive
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier

GROUP = "Brand team"
KIM, LEE = "kim@acme.example", "lee@acme.example"


def _member(world: World, address: str, **fields: Any) -> None:
    with org_context(world.org.pk):
        BrandContact.objects.create(
            org=world.org,
            name="Colleague",
            created_at=database_now(),
            address=address,
            **{"group": GROUP, "channel": world.channel} | fields,
        )


@pytest.fixture
def branded(world: World) -> World:
    """Two colleagues in the group; another group and another channel beside it."""
    for address in (KIM, LEE):
        _member(world, address)
    _member(world, "other@acme.example", group="Management")
    _member(world, "+919876543210", channel="sms")
    return world


def _copies(world: World, run: Run) -> list[BrandCopy]:
    with org_context(world.org.pk):
        return list(BrandCopy.objects.for_org(world.org).filter(run=run))


def _send_all(world: World, run: Run) -> None:
    for copy in _copies(world, run):
        brand_copies.hand_over(world.org.pk, copy.pk)


def _outbox(world: World) -> dict[str, str]:
    """Address → the message as the carrier took it, of colleagues only."""
    sent = world.account.get("/v1/outbox").json()
    return {
        one["to"]: world.account.get(f"/v1/outbox/{one['id']}").text
        for one in sent
        if "acme" in one["to"] or one["to"].startswith("+91")
    }


def _mail(raw: str) -> tuple[EmailMessage, str]:
    mail = message_from_string(raw, policy=default)
    part = mail.get_body(preferencelist=("html",))
    assert isinstance(part, EmailMessage)
    return mail, str(part.get_content())


def test_each_colleague_of_the_group_gets_one_marked_copy_that_counts_nowhere(branded: World) -> None:
    """C-15, T-27, M-02: once a run, whatever rings; untracked, and with nobody's own values."""
    run = begin(branded, copy_group=GROUP)
    for _ in range(3):
        _send_all(branded, run)
    drive(branded, run)
    mails = _outbox(branded)
    assert set(mails) == {KIM, LEE}
    assert len(branded.account.ledger()) == 20 + 2
    mail, html = _mail(mails[KIM])
    assert mail["Subject"] == "[COPY] News for Asha"
    assert "Hello Pune." in html  # the tags' samples
    assert "https://shop.example/new" in html
    assert not re.search(r"/[co]/", html.replace("https://shop.example/new", ""))
    assert check(branded, run) == {"sent": 20}
    with org_context(branded.org.pk):
        counts = progress.of_run(branded.fresh(run))
        assert (counts.targeted, counts.sent) == (20, 20)
        assert Delivery.objects.for_org(branded.org).count() == 20
        assert list(verify.verify_run(branded.fresh(run))) == []
        assert not DueWork.objects.filter(org=branded.org, kind=brand_copies.DUE_KIND).exists()
    assert {(copy.address, copy.result, copy.finished_at is None) for copy in _copies(branded, run)} == {
        (KIM, "", False),
        (LEE, "", False),
    }


def test_the_opt_out_link_of_a_copy_changes_nothing(branded: World) -> None:
    """C-15, M-02, Q-15"""
    run = begin(branded, copy_group=GROUP)
    _send_all(branded, run)
    mail, _ = _mail(_outbox(branded)[KIM])
    found = re.search(r"(/u/[^>]+)>", str(mail["List-Unsubscribe"]))
    assert found
    assert Client().post(found[1], {"List-Unsubscribe": "One-Click"}).status_code == 200
    with org_context(branded.org.pk):
        assert not AddressOptOut.objects.for_org(branded.org).exists()
        assert not Subscription.objects.for_org(branded.org).exists()


def test_bells_that_ring_together_hand_over_once(branded: World) -> None:
    """C-15"""
    run = begin(branded, copy_group=GROUP)
    (copy, _) = _copies(branded, run)

    def ring(_: int) -> None:
        try:
            brand_copies.hand_over(branded.org.pk, copy.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(ring, range(4)))
    assert len(branded.account.ledger()) == 1


def test_a_copy_whose_worker_died_is_not_sent_again(branded: World) -> None:
    """C-15: begun is written before the first byte, as of tests."""
    run = begin(branded, copy_group=GROUP)
    with org_context(branded.org.pk):
        BrandCopy.objects.for_org(branded.org).filter(run=run, address=KIM).update(begun_at=database_now())
    _send_all(branded, run)
    assert set(_outbox(branded)) == {LEE}


def test_a_freeze_that_is_repeated_plans_no_second_copy(branded: World) -> None:
    """C-15, Q-03"""
    run = begin(branded, copy_group=GROUP)
    freeze.freeze(branded.org.pk, run.pk)
    with org_context(branded.org.pk):
        brand_copies.plan(branded.fresh(run))
    assert len(_copies(branded, run)) == 2


def test_stopped_before_means_no_copy_and_paused_means_later(branded: World) -> None:
    """C-15, C-44"""
    stopped, paused = begin(branded, copy_group=GROUP), begin(branded, copy_group=GROUP)
    with org_context(branded.org.pk):
        lifecycle.stop(branded.fresh(stopped).message, by=branded.admin, at=database_now())
        lifecycle.pause(branded.fresh(paused).message, by=branded.admin, at=database_now())
    for run in (stopped, paused):
        _send_all(branded, run)
    assert not _outbox(branded)
    assert {copy.result for copy in _copies(branded, stopped)} == {"The message was stopped before."}
    with org_context(branded.org.pk):
        waiting = DueWork.objects.filter(org=branded.org, kind=brand_copies.DUE_KIND)
        assert set(waiting.values_list("ref_id", flat=True)) == {copy.pk for copy in _copies(branded, paused)}
        lifecycle.resume(branded.fresh(paused).message, by=branded.admin, at=database_now())
    _send_all(branded, paused)
    assert set(_outbox(branded)) == {KIM, LEE}


def test_halted_sending_holds_copies_up(branded: World) -> None:
    """C-46, C-15"""
    run = begin(branded, copy_group=GROUP)
    drive(branded, run)
    with org_context(branded.org.pk):
        halt.halt(by=made.access(branded.admin, branded.org), reason="a look", at=database_now())
    _send_all(branded, run)
    assert not _outbox(branded)
    with org_context(branded.org.pk):
        halt.arm(by=made.access(branded.admin, branded.org), at=database_now())
    _send_all(branded, run)
    assert set(_outbox(branded)) == {KIM, LEE}


def test_who_left_the_group_gets_none_and_who_came_after_the_approval_neither(branded: World) -> None:
    """C-29, C-15: the addresses were approved; the group of now is the stricter of both."""
    with org_context(branded.org.pk):
        message = branded.message(copy_group=GROUP)
        BrandContact.objects.for_org(branded.org).filter(address=KIM).delete()
    _member(branded, "new@acme.example")
    with org_context(branded.org.pk):
        run = lifecycle.open_run(message, at=database_now())
    freeze.freeze(branded.org.pk, run.pk)
    _send_all(branded, run)
    assert set(_outbox(branded)) == {LEE}


def test_the_group_and_its_addresses_are_in_the_hash(branded: World) -> None:
    """C-29, C-15"""
    with org_context(branded.org.pk):
        message = branded.message(copy_group=GROUP)
        version = versions.latest(message)
        assert version is not None
        body = Body.parse(version.body)
        assert (body.copy_group, body.copies) == (GROUP, [KIM, LEE])
        assert made.seen(message) == version.hash
        BrandContact.objects.for_org(branded.org).filter(address=KIM).update(address="kit@acme.example")
        assert made.seen(message) != version.hash
        Message.objects.for_org(branded.org).filter(pk=message.pk).update(copy_group="Management")
        assert made.seen(Message.objects.for_org(branded.org).get(pk=message.pk)) != version.hash


def test_copies_of_what_goes_later_are_due_then_and_of_nothing_never(branded: World) -> None:
    """C-15, C-40, C-21"""
    in_an_hour = database_now() + timedelta(hours=1)
    with org_context(branded.org.pk):
        zone = made.settings_of(branded.org).zone
        local = in_an_hour.astimezone(zone)
        clock = local.time().replace(second=0, microsecond=0)
        end = (local + timedelta(hours=2)).time().replace(second=0, microsecond=0)
    begin(branded, copy_group=GROUP, throttle_per_hour=1000, throttle_from=clock, throttle_until=end)
    with org_context(branded.org.pk):
        (first, _) = DueWork.objects.filter(org=branded.org, kind=brand_copies.DUE_KIND)
        assert timedelta(minutes=58) < first.due_at - database_now() <= timedelta(hours=1)
    branded.execute("DELETE FROM audiences_contactpoint WHERE org_id = %(org)s")
    empty = begin(branded, copy_group=GROUP)
    assert _copies(branded, empty) == []


def test_its_bell_rings_the_task(branded: World) -> None:
    """Q-03"""
    run = begin(branded, copy_group=GROUP)
    assert brand_copies.DUE_KIND in due._handlers
    for copy in _copies(branded, run):
        tasks.send_copy(org_id=branded.org.pk, copy_id=copy.pk)
    assert set(_outbox(branded)) == {KIM, LEE}


def test_a_text_copy_begins_with_the_mark(transactional_db: None, carrier: Carrier) -> None:
    """C-15, H-21"""
    world = worlds.make(carrier, 1, channel="sms")
    _member(world, "+919876543210")
    run = begin(
        world, copy_group=GROUP, content={"text": "Sale! Stop: {{ unsubscribe }}", "allow_unicode": "1"}
    )
    _send_all(world, run)
    text = json.loads(_outbox(world)["+919876543210"])["text"]
    assert text.startswith("[COPY] Sale!")
    found = re.search(r"https?://[^/]+(/\S+)", text)
    assert found
    assert Client().get(found[1]).status_code == 200
