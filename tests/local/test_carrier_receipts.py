"""Receipts: signed, repeated until taken, dated as told, the same for the same seed."""

import hashlib
import hmac
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest

from tests.local.carriers import Account, Carrier, Receiver, receiving, running, until

ALL = {"delivered": 1.0, "opened": 1.0, "clicked": 1.0}
PAGE = (
    '<p>Dear Ann</p><a href="{url}/click/1?a=1&amp;b=2">Look</a><a href="{url}/unsubscribe/1">No more</a>'
    '<img src="{url}/pic.png" width="600"><img src="{url}/open/1.gif" width="1" height="1">'
)


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    with running(tmp_path_factory.mktemp("receipts")) as carrier:
        yield carrier


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def account(carrier: Carrier, receiver: Receiver, request: pytest.FixtureRequest) -> Account:
    name = f"r{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"
    return carrier.account(
        name, webhook_url=f"{receiver.url}/hook", webhook_secret="hush", instant=True, rates=ALL
    )


def all_told(account: Account) -> bool:
    stats = account.stats()
    return not (stats["ledger_unplanned"] or stats["receipts_due"])


def at(event: dict[str, str]) -> datetime:
    return datetime.fromisoformat(event["at"])


def test_a_receipt_is_signed_over_time_and_body(account: Account, receiver: Receiver) -> None:
    """H-35: a forged one can be told."""
    account.send("r-1")
    until(receiver.events, "a receipt")
    _, _, headers, body = receiver.requests[0]
    stamp = headers["X-Carrier-Timestamp"]
    expected = hmac.new(b"hush", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()

    assert headers["X-Carrier-Signature"] == f"v1={expected}"
    assert abs(int(stamp) - datetime.now(UTC).timestamp()) < 60


def test_events_carry_reference_id_type_and_time(account: Account, receiver: Receiver) -> None:
    """H-35"""
    account.send("r-1")
    account.post("r-2", text="Look: https://l.example/abc.")
    until(lambda: len(receiver.events()) >= 6, "all receipts")
    by_mail = [event for event in receiver.events() if event["reference"] == "r-1"]
    clicked = next(event for event in receiver.events() if event["event_id"].endswith("-2-clicked"))

    assert [event["type"] for event in by_mail] == ["delivered", "opened", "clicked"]
    assert by_mail[0]["event_id"] == f"{account.name}-1-delivered"
    assert by_mail[0]["provider_id"] == f"{account.name}-1"
    assert at(by_mail[0]) <= at(by_mail[1]) <= at(by_mail[2]) <= datetime.now(UTC)
    assert clicked["link"] == "https://l.example/abc"


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("bounced@example.com", [("bounced", None)]),
        ("bounced+domain_invalid@example.com", [("bounced", "domain_invalid")]),
        ("soft_bounced+mailbox_full@example.com", [("soft_bounced", "mailbox_full")]),
        ("undelivered+unreachable@example.com", [("undelivered", "unreachable")]),
        ("expired@example.com", [("expired", "expired")]),
        ("delivered@example.com", [("delivered", "")]),
        ("complained@example.com", [("delivered", ""), ("opened", ""), ("complained", "complaint")]),
        ("unsubscribed@example.com", [("delivered", ""), ("opened", ""), ("unsubscribed", "")]),
    ],
)
def test_a_test_address_gets_its_receipt(
    account: Account, receiver: Receiver, to: str, expected: list[tuple[str, str | None]]
) -> None:
    """H-35, H-39"""
    account.send("r-1", to=to)
    until(lambda: len(receiver.events()) >= len(expected), "the receipts")

    told = [(event["type"], event.get("code", "")) for event in receiver.events()]
    assert [name for name, _ in told] == [name for name, _ in expected]
    assert all(
        code == wanted for (_, code), (_, wanted) in zip(told, expected, strict=True) if wanted is not None
    )


def test_a_silent_number_has_no_receipt(account: Account, receiver: Receiver) -> None:
    """H-39: no_final_report"""
    account.post("r-1", to="+447700009913")
    account.post("r-2", to="+447700009911")
    until(receiver.events, "the other's receipt")

    assert [(event["reference"], event["type"]) for event in receiver.events()] == [("r-2", "undelivered")]


def test_receipts_wait_for_a_receiver_that_is_down(account: Account, receiver: Receiver) -> None:
    """H-35: until it answers 2xx, the same events with the same ids."""
    receiver.statuses = [500, 302]
    account.send("r-1")
    until(lambda: len(receiver.requests) >= 3, "the third try")
    bodies = [body for _, path, _, body in receiver.requests if path == "/hook"]

    assert len(bodies) == len(receiver.requests) == 3
    assert bodies[0] == bodies[1] == bodies[2]
    until(lambda: all_told(account), "the end")


def test_no_receipt_is_lost_or_made_twice_by_a_killed_carrier(carrier: Carrier, receiver: Receiver) -> None:
    """H-35: planned from the ledger, kept until taken."""
    account = carrier.account(
        "killed", webhook_url="http://127.0.0.1:9/hook", instant=True, rates={"opened": 0.0}
    )
    for number in range(20):
        account.post(f"r-{number}")
    until(lambda: account.stats()["receipts_waiting"] == 20, "the plan")
    carrier.end(signal.SIGKILL)
    carrier.start()
    carrier.account("killed", webhook_url=f"{receiver.url}/hook")
    account.post("r-20")
    until(lambda: len(receiver.events()) >= 21, "the receipts")
    until(lambda: all_told(account), "the end")

    assert sorted(event["event_id"] for event in receiver.events()) == sorted(
        f"killed-{number + 1}-delivered" for number in range(21)
    )


def test_receipts_come_in_batches(account: Account, receiver: Receiver) -> None:
    """H-35: 500 events a request at most."""
    receiver.statuses = [503]
    messages = [{"reference": f"r-{i}", "to": "a@b.example", "from": "A", "text": "x"} for i in range(400)]
    httpx.post(
        f"{account.carrier.url}/v1/messages:batch", json={"messages": messages}, headers=account.headers
    )
    until(lambda: account.stats()["receipts_sent"] == 1200, "all receipts")

    assert len({event["event_id"] for event in receiver.events()}) == 1200
    assert max(body.count(b"event_id") for _, _, _, body in receiver.requests) == 500


def test_a_shifted_message_has_receipts_dated_as_then(carrier: Carrier, receiver: Receiver) -> None:
    """H-35: a past campaign's receipts come at once, with the dates they would have had."""
    account = carrier.account("past", webhook_url=f"{receiver.url}/hook", rates=ALL, clock_shift=-90 * 86400)
    now = datetime.now(UTC)
    account.send("r-1")
    account.post("r-2", clock_shift=-60 * 86400)
    account.post("r-3", headers={"X-Engage-Clock-Shift": str(-30 * 86400)})
    until(lambda: len(receiver.events()) >= 9, "the receipts")

    for reference, days in (("r-1", 90), ("r-2", 60), ("r-3", 30)):
        delivered, opened, clicked = (event for event in receiver.events() if event["reference"] == reference)
        sent = now - timedelta(days=days)
        assert sent < at(delivered) < sent + timedelta(minutes=5)
        assert at(delivered) < at(opened) < at(clicked)


def test_time_may_run_faster(carrier: Carrier, receiver: Receiver) -> None:
    """H-35: opens after hours come within a second, dated when they come."""
    account = carrier.account("fast", webhook_url=f"{receiver.url}/hook", rates=ALL, time_scale=1_000_000)
    account.send("r-1")
    until(lambda: len(receiver.events()) >= 3, "the receipts")

    assert receiver.types("r-1") == ["delivered", "opened", "clicked"]
    assert all(at(event) <= datetime.now(UTC) for event in receiver.events())


def test_receipts_may_come_twice_and_in_disorder(carrier: Carrier, receiver: Receiver) -> None:
    """H-35: so that a receiver can be shown to bear it."""
    account = carrier.account(
        "unruly",
        webhook_url=f"{receiver.url}/hook",
        rates=ALL,
        instant=True,
        duplicate_receipts=1,
        shuffle=True,
    )
    messages = [{"reference": f"r-{i}", "to": "a@b.example", "from": "A", "text": "x"} for i in range(40)]
    httpx.post(
        f"{account.carrier.url}/v1/messages:batch", json={"messages": messages}, headers=account.headers
    )
    until(lambda: len(receiver.events()) >= 240, "the receipts")
    ids = [event["event_id"] for event in receiver.events()]

    assert set(Counter(ids).values()) == {2}
    assert any(receiver.types(f"r-{i}")[0] != "delivered" for i in range(40))


def test_outcomes_follow_from_the_seed_with_the_rates_on_average(
    carrier: Carrier, receiver: Receiver
) -> None:
    """H-36: the same seed and references give the same receipts, another seed others."""
    rates = {"bounced": 0.05, "soft_bounced": 0.05, "delivered": 0.85, "opened": 0.4, "clicked": 0.1}
    people = [{"reference": f"r-{i}", "to": f"p{i}@b.example", "from": "A", "text": "x"} for i in range(1000)]
    seen = []
    for name, seed in (("seed-1", 1), ("seed-1-again", 1), ("seed-2", 2)):
        account = carrier.account(
            name, webhook_url=f"{receiver.url}/hook", rates=rates, instant=True, seed=seed
        )
        httpx.post(f"{carrier.url}/v1/messages:batch", json={"messages": people}, headers=account.headers)
        until(partial(all_told, account), "the receipts")
        seen.append({(event["reference"], event["type"]) for event in receiver.events()})
        receiver.requests.clear()
    counts = Counter(kind for _, kind in seen[0])

    assert seen[0] == seen[1] != seen[2]
    assert 25 <= counts["bounced"] <= 80
    assert 25 <= counts["soft_bounced"] <= 80
    assert 810 <= counts["delivered"] <= 890
    assert 0.33 <= counts["opened"] / counts["delivered"] <= 0.47
    assert 0.06 <= counts["clicked"] / counts["delivered"] <= 0.14


def test_an_address_that_bounces_always_does(carrier: Carrier, receiver: Receiver) -> None:
    """H-39: a hard bounce is the address, not the message."""
    account = carrier.account("bad", webhook_url=f"{receiver.url}/hook", rates={"bounced": 0.5}, instant=True)
    messages = [
        {"reference": f"r-{i}-{turn}", "to": f"p{i}@b.example", "from": "A", "text": "x"}
        for turn in range(3)
        for i in range(50)
    ]
    httpx.post(f"{carrier.url}/v1/messages:batch", json={"messages": messages}, headers=account.headers)
    until(lambda: len(receiver.events()) >= 150, "the receipts")
    types = {event["reference"]: event["type"] for event in receiver.events()}

    for person in range(50):
        assert len({types[f"r-{person}-{turn}"] for turn in range(3)}) == 1
    assert 10 < sum(kind == "bounced" for kind in types.values()) / 3 < 40


def test_a_reply_comes_in_as_an_event(account: Account, receiver: Receiver) -> None:
    """H-38"""
    said = {"from": "+447700900123", "to": "ACME", "text": "Stop!"}
    answer = account.carrier.admin("POST", f"accounts/{account.name}/inbound", said)
    (event,) = until(receiver.events, "the reply")

    assert event == said | {"type": "inbound", "event_id": answer.json()["event_id"], "at": event["at"]}


def test_an_account_without_a_webhook_makes_no_receipts(carrier: Carrier, receiver: Receiver) -> None:
    """H-35: neither then nor when it gets one."""
    account = carrier.account("mute", instant=True)
    account.send("r-1")
    carrier.account("mute", webhook_url=f"{receiver.url}/hook")
    account.send("r-2")
    until(receiver.events, "the receipt")

    assert {event["reference"] for event in receiver.events()} == {"r-2"}


def test_who_browses_opens_clicks_and_unsubscribes_for_real(carrier: Carrier, receiver: Receiver) -> None:
    """H-15, H-24: the addresses in the message are visited, one-click is posted, nothing is followed further."""
    account = carrier.account(
        "browser",
        webhook_url=f"{receiver.url}/hook",
        browse=True,
        instant=True,
        rates=ALL | {"unsubscribed": 1.0},
    )
    message = (
        f"Message-ID: <r-1@mail.example>\r\nList-Unsubscribe: <{receiver.url}/unsubscribe/1>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\n\r\n{PAGE.format(url=receiver.url)}\r\n"
    )
    talk = account.talk()
    body = message.encode()
    talk.write(talk.envelope("r-1") + b"BDAT %d LAST\r\n" % len(body) + body)
    until(lambda: len(receiver.requests) >= 4, "the visits")
    talk.close()
    visits = {(method, path, sent) for method, path, _, sent in receiver.requests if path != "/hook"}

    assert visits == {
        ("GET", "/open/1.gif", b""),
        ("GET", "/click/1?a=1&b=2", b""),
        ("POST", "/unsubscribe/1", b"List-Unsubscribe=One-Click"),
    }
    assert receiver.types("r-1") == ["delivered"]
