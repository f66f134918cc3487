"""Senders: configuration, secrets, and which adapter carries them."""

from __future__ import annotations

import asyncio

import pytest
from django.utils import timezone
from pytest_django import Settings

from channels import secrets, senders
from channels.adapter import ConfigRefused
from channels.email.smtp import SmtpChannel
from channels.email.smtp_adapter import envelope
from channels.feed import Batch
from channels.models import Sender
from channels.outbound import is_public
from channels.protocol import Receipts, SenderFacts
from channels.registry import UnknownAdapter, adapter, adapters_for, capabilities, channel_for
from channels.sms.gateway import GatewayChannel
from engage.orgs.models import Org
from tests.channels.handing import messages

SMTP = {"host": "smtp.example.com", "port": "587", "security": "starttls", "user": "me"}
GATEWAY = {"url": "https://sms.example.com/messages"}


def test_a_secret_is_unreadable_at_rest_and_whole_for_its_adapter(inside: Org) -> None:
    """H-30, Q-26"""
    sender = Sender.objects.create(
        org=inside,
        channel="email",
        name="News",
        identity="news@example.com",
        adapter="smtp",
        config=adapter("smtp").clean(SMTP),
        secret=secrets.encrypt("päss"),
        created_at=timezone.now(),
    )
    sender.refresh_from_db()
    facts = senders.facts(sender)

    assert "päss" not in sender.secret
    assert facts.secret == "päss"
    assert "päss" not in repr(facts)
    channel = channel_for(facts)
    assert isinstance(channel, SmtpChannel)
    assert channel.relay.password == "päss"
    assert "päss" not in repr(channel)


def test_secrets_survive_a_new_key_only_with_the_former_one(settings: Settings) -> None:
    """H-30"""
    stored = secrets.encrypt("s")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert secrets.decrypt(stored) == "s"

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(secrets.Unreadable, match="enter it again"):
        secrets.decrypt(stored)
    assert secrets.encrypt("") == secrets.decrypt("") == ""


def test_every_adapter_states_what_it_can_do() -> None:
    """H-32"""
    for channel, contact in (("email", "email"), ("sms", "phone")):
        assert {found.key for found in adapters_for(channel)} >= {f"sandbox-{channel}"}
        for found in adapters_for(channel):
            stated = found.capabilities
            assert (stated.channel, stated.contact) == (channel, contact)
            assert stated.limits
            assert stated.price_unit
            assert stated.per_second > 0
            assert 1 <= stated.largest_batch <= 50
            assert found.label
            assert found.fields
    assert (
        capabilities(SenderFacts(id=1, channel="email", adapter="smtp", identity="a@b.c")).receipts
        is Receipts.BOUNCES
    )
    with pytest.raises(UnknownAdapter, match="pigeon"):
        adapter("pigeon")


def test_what_a_gateway_can_do_follows_from_its_configuration() -> None:
    """H-32, H-36"""
    config = adapter("http-gateway").clean({**GATEWAY, "receipts": "none", "honours_repeat_key": "on"})
    facts = SenderFacts(id=1, channel="sms", adapter="http-gateway", identity="X", config=config, secret="k")

    assert capabilities(facts).receipts is Receipts.NONE
    assert capabilities(facts).honours_repeat_key
    assert isinstance(channel_for(facts), GatewayChannel)
    assert "Bearer k" not in repr(channel_for(facts))


@pytest.mark.parametrize(
    ("key", "given", "field", "says"),
    [
        ("smtp", {}, "host", "needed"),
        ("smtp", {**SMTP, "port": "99999"}, "port", "1 to 65535"),
        ("smtp", {**SMTP, "security": "magic"}, "security", "one of"),
        ("smtp", {**SMTP, "host": "smtp example"}, "host", "host name"),
        ("smtp", {**SMTP, "security": "none"}, "security", "encrypted"),
        ("smtp", {**SMTP, "bounce_domain": "a b"}, "bounce_domain", "domain"),
        ("smtp", {**SMTP, "user": "a\r\nb"}, "user", "cannot be used"),
        ("http-gateway", {"url": "http://sms.example.com/"}, "url", "https://"),
        ("http-gateway", {"url": "https://user:pw@sms.example.com/"}, "url", "web address"),
        ("http-gateway", {"url": "file:///etc/passwd"}, "url", "web address"),
        ("http-gateway", {"url": "https://["}, "url", "web address"),
        ("http-gateway", {**GATEWAY, "authorization": "basic"}, "user", "needed"),
        ("sandbox-email", {}, "account", "needed"),
    ],
)
def test_a_configuration_that_cannot_work_says_what_to_do(
    key: str, given: dict[str, str], field: str, says: str
) -> None:
    """H-30"""
    with pytest.raises(ConfigRefused) as refused:
        adapter(key).clean(given)

    assert says in refused.value.problems[field]


def test_an_operator_may_vouch_for_an_internal_relay(settings: Settings) -> None:
    """H-30, Q-28"""
    settings.OUTBOUND_ALLOWED = ["smtp.example.com:587", "gateway.internal"]

    assert adapter("smtp").clean({**SMTP, "security": "none"})["security"] == "none"
    assert adapter("http-gateway").clean({"url": "http://gateway.internal/sms"})


def test_bounces_come_back_to_their_message_where_a_domain_takes_them() -> None:
    """H-33, H-35"""
    assert envelope("news@example.com", "bounces.example.com")("ab12") == b"b+ab12@bounces.example.com"
    assert envelope("news@example.com", "")("ab12") == b"news@example.com"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_internal_addresses_are_refused_in_every_notation(address: str) -> None:
    """Q-28"""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_public_addresses_are_not(address: str) -> None:
    """Q-28"""
    assert is_public(address)


async def _send(facts: SenderFacts) -> str:
    fault = await channel_for(facts).send(Batch(messages(1)), lambda _key, _result: None)
    return fault.detail if fault else ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1"])
def test_a_users_host_cannot_reach_the_inside(host: str) -> None:
    """Q-28: judged by what the name resolves to, at the time it is connected to."""
    relay = SenderFacts(
        id=1,
        channel="email",
        adapter="smtp",
        identity="a@example.com",
        config={**SMTP, "host": host, "port": 25},
    )
    gateway = SenderFacts(
        id=1, channel="sms", adapter="http-gateway", identity="X", config={"url": f"https://{host}/"}
    )

    assert "internal address" in asyncio.run(_send(relay))
    assert "internal address" in asyncio.run(_send(gateway))
