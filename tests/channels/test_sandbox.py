"""The adapters against the sandbox carrier, a process with a ledger of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from channels import sandbox
from channels.protocol import Outcome, Outgoing, Reason, SenderFacts
from channels.receipts import Kind, Reports
from channels.registry import adapter, channel_for
from channels.rendering import Compiled
from channels.tokens import RunSigner, read_reference
from tests.channels.contents import email, facts, sms, values
from tests.channels.handing import Handed, send
from tests.local.carriers import Account, Carrier, receiving, running, until

SIGNER = RunSigner(org=1, run_on=date(2026, 3, 31), run=2, links=1)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    home: Path = tmp_path_factory.mktemp("carrier")
    with running(home) as carrier:
        yield carrier


@pytest.fixture
def carrier(process: Carrier, settings: Settings) -> Carrier:
    settings.CARRIER_SMTP = f"127.0.0.1:{process.smtp_port}"
    settings.CARRIER_URL = process.url
    return process


def sender(account: Account, channel: str, **config: Any) -> SenderFacts:
    return SenderFacts(
        id=1,
        channel=channel,
        adapter=f"sandbox-{channel}",
        identity="news@example.com" if channel == "email" else "EXAMPLE",
        config={"account": account.name, **config},
        secret=account.key,
    )


def outgoing(compiled: Compiled, to: Callable[[int], str], count: int) -> list[Outgoing]:
    renderer = compiled.renderer(SIGNER)
    made = []
    for seq in range(count):
        rendered = renderer(1000 + seq, seq, to(seq), values(compiled, customer__first_name=f"Åse {seq}"), 0)
        made.append(Outgoing(seq, to(seq), rendered.body, rendered.reference, rendered.reference))
    return made


def mails(count: int, *, local: str = "a{}", **changes: Any) -> list[Outgoing]:
    compiled = email(
        "<p>Dear {{ customer.first_name }}</p>", subject="For {{ customer.first_name }}", run=facts(**changes)
    )
    return outgoing(compiled, lambda seq: f"{local.format(seq)}@example.com", count)


def texts(count: int, *, number: str = "+447700{:06d}1") -> list[Outgoing]:
    return outgoing(sms("Hi {{ customer.first_name }}"), number.format, count)


def hand_over(facts_: SenderFacts, messages: list[Outgoing]) -> Handed:
    return asyncio.run(send(channel_for(facts_), messages))


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_the_carriers_ledger_holds_exactly_what_was_accepted(carrier: Carrier, channel: str) -> None:
    """H-01, H-33: by reference, each once, under the provider's id."""
    account = carrier.account(f"whole-{channel}", channel=channel)
    messages = mails(300) if channel == "email" else texts(300)

    handed = hand_over(sender(account, channel), messages)

    assert {result.outcome for result in handed.results.values()} == {Outcome.ACCEPTED}
    assert sorted(account.references()) == sorted(message.reference for message in messages)
    assert {read_reference(reference).seq for reference in account.references()} == set(range(300))
    if channel == "email":
        assert all(row["sender"] == f"b+{row['reference']}@bounces.invalid" for row in account.ledger())


def test_an_answer_lost_is_unknown_and_the_ledger_has_the_message(carrier: Carrier) -> None:
    """H-33: only the carrier can tell, so nobody may repeat it."""
    for channel, messages in (
        ("email", mails(1, local="lose-answer")),
        ("sms", texts(1, number="+4477009903")),
    ):
        account = carrier.account(f"lost-{channel}", channel=channel)
        handed = hand_over(sender(account, channel), messages)

        assert handed.results[0].outcome is Outcome.UNKNOWN
        assert account.references() == [messages[0].reference]


@pytest.mark.parametrize(
    ("channel", "to", "outcome", "reason"),
    [
        ("email", "refuse", Outcome.REFUSED, Reason.ADDRESS_REFUSED),
        ("email", "refuse+content_rejected", Outcome.REFUSED, Reason.CONTENT_REJECTED),
        ("email", "later", Outcome.LATER, Reason.BUSY),
        ("email", "drop+body", Outcome.UNKNOWN, Reason.NO_ANSWER),
        ("sms", "+4477009901", Outcome.REFUSED, Reason.ADDRESS_REFUSED),
        ("sms", "+4477009902", Outcome.LATER, Reason.BUSY),
        ("sms", "+4477009904", Outcome.UNKNOWN, Reason.NO_ANSWER),
    ],
)
def test_what_is_not_accepted_is_not_in_the_ledger(
    carrier: Carrier, channel: str, to: str, outcome: Outcome, reason: Reason
) -> None:
    """H-33, H-39"""
    account = carrier.account(f"not-{channel}-{''.join(filter(str.isalnum, to))}", channel=channel)
    messages = mails(1, local=to) if channel == "email" else texts(1, number=to)

    handed = hand_over(sender(account, channel), messages)

    assert (handed.results[0].outcome, handed.results[0].reason) == (outcome, reason)
    assert account.references() == []


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_wrong_key_is_the_senders_fault(carrier: Carrier, channel: str) -> None:
    """H-39: auth_failed uses up nobody's attempt."""
    account = carrier.account(f"key-{channel}", channel=channel)
    account.key = "not-the-key"

    handed = hand_over(sender(account, channel), mails(3) if channel == "email" else texts(3))

    assert handed.fault is not None
    assert handed.fault.reason is Reason.AUTH_FAILED
    assert all(result.connection_fault for result in handed.results.values())


def test_receipts_come_back_signed_and_lead_to_their_delivery(carrier: Carrier) -> None:
    """H-35, Q-22: verified over the raw body, each reference our own."""
    secret = "webhook secret"
    with receiving() as receiver:
        account = carrier.account(
            "receipts",
            channel="email",
            webhook_url=f"{receiver.url}/hook",
            webhook_secret=secret,
            instant=True,
            rates={
                "bounced": 0.5,
                "opened": 0.0,
                "clicked": 0.0,
                "unsubscribed": 0.0,
                "complained": 0.0,
                "soft_bounced": 0.0,
            },
        )
        hand_over(sender(account, "email"), mails(40))
        until(lambda: len(receiver.events()) >= 40, "the receipts")
        requests = list(receiver.requests)

    form = adapter("sandbox-email").receipts
    assert form is not None
    reports: list[Reports] = []
    for _, _, headers, raw in requests:
        form.verify(headers, raw, secret, now=datetime.now(UTC))
        reports.append(form.normalise(raw))
    receipts = [receipt for report in reports for receipt in report.receipts]
    assert {read_reference(receipt.reference).seq for receipt in receipts} == set(range(40))
    assert {receipt.kind for receipt in receipts} == {Kind.DELIVERED, Kind.BOUNCED}
    assert all(receipt.reason for receipt in receipts if receipt.kind is Kind.BOUNCED)
    assert not any(report.unreadable for report in reports)


def test_the_outbox_can_be_read_and_only_with_the_accounts_own_key(carrier: Carrier) -> None:
    """H-01, Q-09"""
    account = carrier.account("outbox-email", channel="email")
    other = carrier.account("outbox-other", channel="email")
    hand_over(sender(account, "email"), mails(3))

    entries = sandbox.outbox(sender(account, "email"), limit=2)
    older = sandbox.outbox(sender(account, "email"), limit=2, before=entries[-1].id)
    assert len(entries) == 2
    assert len(older) == 1
    assert {entry.subject for entry in (*entries, *older)} == {"For Åse 0", "For Åse 1", "For Åse 2"}
    message = message_from_bytes(
        sandbox.message(sender(account, "email"), entries[0].id), policy=policy.default
    )
    assert message["Subject"] == entries[0].subject

    assert sandbox.outbox(sender(other, "email")) == []
    with pytest.raises(sandbox.CarrierUnavailable, match="no such message"):
        sandbox.message(sender(other, "email"), entries[0].id)
    with pytest.raises(sandbox.CarrierUnavailable, match="no such message"):
        sandbox.message(sender(account, "email"), "../admin/stats")


def test_texts_stand_in_the_outbox_too(carrier: Carrier) -> None:
    """H-01"""
    account = carrier.account("outbox-sms", channel="sms")
    hand_over(sender(account, "sms"), texts(1))

    (entry,) = sandbox.outbox(sender(account, "sms"))
    assert (entry.text, entry.sender, entry.to) == ("Hi Åse 0", "EXAMPLE", "+4477000000001")


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_simulated_run_is_dated_by_the_carrier(carrier: Carrier, channel: str) -> None:
    """H-35: the shift travels with the message."""
    account = carrier.account(f"shift-{channel}", channel=channel)
    day = -86_400

    if channel == "email":
        hand_over(sender(account, channel), mails(1, clock_shift=day))
    else:
        hand_over(sender(account, channel, clock_shift=day), texts(1))

    (row,) = account.ledger()
    assert int(row["shift"]) == day
    (entry,) = sandbox.outbox(sender(account, channel))
    assert 86_000 < (datetime.now(UTC) - entry.at).total_seconds() < 87_000


def test_without_a_carrier_the_outbox_says_so(settings: Settings) -> None:
    """H-01"""
    someone = SenderFacts(id=1, channel="sms", adapter="sandbox-sms", identity="X", config={"account": "a"})
    settings.CARRIER_URL = ""
    with pytest.raises(sandbox.CarrierUnavailable, match="No sandbox carrier"):
        sandbox.outbox(someone)
    settings.CARRIER_URL = "http://127.0.0.1:1"
    with pytest.raises(sandbox.CarrierUnavailable, match="does not answer"):
        sandbox.outbox(someone)
