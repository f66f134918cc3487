"""The whole circle with the real carrier process: handed over, reported by signed webhooks, visited at our doors."""

from __future__ import annotations

from collections.abc import Callable

from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from audiences.contacts import address_key
from audiences.models import AddressRef
from campaigns import dispatch, freeze
from campaigns.clock import database_now
from campaigns.models import Delivery, DeliveryEvent, ParkedReceipt, Run
from campaigns.progress import of_run
from campaigns.receipts import answering, optouts, rounds
from campaigns.verify import verify_run
from channels import sandbox, senders
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.conftest import carrier, carrier_process, transactional_db  # noqa: F401  fixtures
from tests.campaigns.send.world import World
from tests.local.carriers import Account, Carrier, until

State, Outcome = Delivery.State, Delivery.Outcome
# The carrier does to these what their name says (docs/carrier.md).
PEOPLE = {
    "delivered@example.com": (State.SENT, Outcome.DELIVERED, ""),
    "bounced+unknown_user@example.com": (State.SENT, Outcome.NOT_DELIVERED, "unknown_user"),
    "bounced+domain_invalid@example.com": (State.SENT, Outcome.NOT_DELIVERED, "domain_invalid"),
    "soft_bounced+mailbox_full@example.com": (State.SENT, Outcome.IN_FLIGHT, "mailbox_full"),
    "opened@example.com": (State.SENT, Outcome.DELIVERED, ""),
    "clicked@example.com": (State.SENT, Outcome.DELIVERED, ""),
    "unsubscribed@example.com": (State.SENT, Outcome.DELIVERED, ""),
    "complained@example.com": (State.SENT, Outcome.DELIVERED, "complaint"),
    "silent@example.com": (State.SENT, Outcome.IN_FLIGHT, ""),
    "refuse@example.com": (State.FAILED, None, ""),
}


def _world(
    at: Carrier, live_server: LiveServer, settings: Settings, *, channel: str = "email", **account: object
) -> World:
    settings.CONSOLE_URL = settings.TRACKING_URL = live_server.url
    settings.CARRIER_KEY_FILE = at.home / "admin.key"
    world = worlds.make(at, channel=channel)
    with org_context(world.org.pk):
        world.sender = senders.open_sandbox(world.org, channel, by=world.admin, at=database_now(), **account)
    name = world.sender.config["account"]
    world.account = Account(at, name, "")
    return world


def _send(world: World, **fields: object) -> Run:
    run = world.run(**fields)
    assert freeze.freeze(world.org.pk, run.pk)
    dispatch.work_lane(org_id=world.org.pk, run_id=run.pk)
    return world.fresh(run)


def _told_all(world: World) -> Callable[[], bool]:
    """Whether the carrier has delivered every receipt, and none waits for its ledger row."""

    def look() -> bool:
        stats = world.account.stats()
        rounds.go(world.org.pk)
        with org_context(world.org.pk):
            parked = ParkedReceipt.objects.for_org(world.org).exists()
        return not (stats["receipts_waiting"] or stats["receipts_due"] or stats["ledger_unplanned"] or parked)

    return look


def test_what_the_carrier_reports_stands_in_the_ledger(
    transactional_db: None,  # noqa: F811
    carrier: Carrier,  # noqa: F811
    live_server: LiveServer,
    settings: Settings,
) -> None:
    """H-35, H-36, H-37, Q-22, Q-23, M-27: some receipts come twice, and in any order."""
    world = _world(carrier, live_server, settings, instant=True, shuffle=True, duplicate_receipts=0.5)
    people = dict(zip(world.add_people(list(PEOPLE)), PEOPLE.values(), strict=True))
    run = _send(world)
    until(_told_all(world), "the last receipt")
    with org_context(world.org.pk):
        for row in Delivery.objects.for_org(world.org).filter(run_id=run.pk):
            state, outcome, reason = people[row.customer_id]
            assert (row.state, row.outcome, row.outcome_reason) == (state, outcome, reason)
        assert optouts.count(world.org.pk, [run.pk]) == 2
        progress = of_run(run)
        assert (progress.opened, progress.clicked) == (4, 1)  # who leaves or complains has opened it
        assert progress.adds_up
        assert list(verify_run(run)) == []


def test_people_really_open_click_and_leave(
    transactional_db: None,  # noqa: F811
    carrier: Carrier,  # noqa: F811
    live_server: LiveServer,
    settings: Settings,
) -> None:
    """H-15, H-20, H-24, Q-15: the carrier fetches the pixel and the link, and posts the one click."""
    world = _world(carrier, live_server, settings, instant=True, browse=True)
    opened, clicked, left = world.add_people(
        ["opened@example.com", "clicked@example.com", "unsubscribed@example.com"]
    )
    run = _send(world)
    until(_told_all(world), "the last receipt")

    def kinds() -> set[tuple[int, str, bool]]:
        with org_context(world.org.pk):
            found = DeliveryEvent.objects.for_org(world.org).filter(run_id=run.pk).exclude(kind="delivered")
            return set(found.values_list("customer_id", "kind", "machine"))

    expected = {(who, "opened") for who in (opened, clicked, left)} | {
        (clicked, "clicked"),
        (left, "unsubscribed"),
    }
    until(lambda: expected <= {(who, kind) for who, kind, _ in kinds()}, "the visits")
    assert not any(machine for _, _, machine in kinds())
    with org_context(world.org.pk):
        progress = of_run(run)
        assert (progress.opened, progress.clicked) == (3, 1)
        assert list(verify_run(run)) == []


def test_a_lost_answer_is_settled_by_the_report(
    transactional_db: None,  # noqa: F811
    carrier: Carrier,  # noqa: F811
    live_server: LiveServer,
    settings: Settings,
) -> None:
    """H-37, C-23, Q-01: accepted, the answer lost, never sent again; the report proves it."""
    world = _world(carrier, live_server, settings, instant=True, rates={})
    world.add_people(["lose-answer@example.com"])
    run = _send(world)
    until(_told_all(world), "the last receipt")
    assert world.states(run) == {"sent/by_report": 1}
    assert sum(world.accepted(run).values()) == 1
    with org_context(world.org.pk):
        assert list(verify_run(run)) == []


def test_help_is_answered_once(
    transactional_db: None,  # noqa: F811
    carrier: Carrier,  # noqa: F811
    live_server: LiveServer,
    settings: Settings,
) -> None:
    """H-38: a customer writes HELP to the carrier's number, its webhook tells us, the answer goes out by it."""
    world = _world(carrier, live_server, settings, channel="sms", instant=True, rates={})
    (writer,) = world.add_people(["+447700900123"])
    with org_context(world.org.pk):
        AddressRef.objects.create(
            org=world.org, kind="phone", key=address_key("phone", "+447700900123"), customer_id=writer,
            value="+447700900123",
        )  # fmt: skip
    text = {"text": "News from us. Reply STOP to stop.", "allow_unicode": "1"}
    run = _send(world, content=text)
    name = world.sender.config["account"]
    wrote = {"from": "+447700900123", "to": world.sender.identity, "text": "help!"}
    carrier.admin("POST", f"accounts/{name}/inbound", wrote).raise_for_status()

    def cry() -> DeliveryEvent | None:
        with org_context(world.org.pk):
            return DeliveryEvent.objects.for_org(world.org).filter(run_id=run.pk, kind="replied").first()

    event = until(cry, "the webhook")
    for _ in range(2):
        answering.answer(world.org.pk, run.pk, event.seq, event.event_key)
    with org_context(world.org.pk):
        texts = [entry.text for entry in sandbox.outbox(senders.facts(world.sender))]
    assert len(texts) == 2
    assert texts[0].endswith("reply STOP to receive no more messages.")
