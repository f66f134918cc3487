"""The SMTP relay as an adapter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from channels import receipts
from channels.adapter import Adapter, ConfigField
from channels.email.address import wire
from channels.email.opening import Relay, Security
from channels.email.smtp import SmtpChannel
from channels.protocol import Capabilities, Channel, Receipts, SenderFacts

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252})")
SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")

CAPABILITIES = Capabilities(
    channel="email",
    contact="email",
    limits={"subject": 150, "html": 5 * 1024 * 1024},
    receipts=Receipts.BOUNCES,
    opens=True,
    clicks=True,
    price_unit="message",
    per_second=50,
)


def build(facts: SenderFacts) -> Channel:
    config = facts.config
    relay = Relay(
        host=config["host"],
        port=int(config["port"]),
        security=Security(config["security"]),
        user=config.get("user", ""),
        password=facts.secret,
    )
    return SmtpChannel(
        relay=relay,
        envelope_from=envelope(facts.identity, config.get("bounce_domain", "")),
        connections=int(config.get("connections", 4)),
    )


def envelope(identity: str, bounce_domain: str) -> Callable[[str], bytes]:
    """The bounce address: one a message where a domain takes bounces, else the sender's own."""
    if not bounce_domain:
        own = wire(identity) or b""
        return lambda _reference: own
    domain = bounce_domain.encode("idna")
    return lambda reference: b"b+%b@%b" % (reference.encode(), domain)


def check(config: dict[str, Any]) -> Mapping[str, str]:
    problems = {}
    if not HOST.fullmatch(config["host"]):
        problems["host"] = "Server must be a host name like smtp.example.com."
    if config["bounce_domain"] and not HOST.fullmatch(config["bounce_domain"]):
        problems["bounce_domain"] = "Bounce domain must be a domain like bounces.example.com."
    if config["dkim_selector"] and not SELECTOR.fullmatch(config["dkim_selector"]):
        problems["dkim_selector"] = "DKIM selector must be a name like s1 or news2026."
    known = {config["host"], f"{config['host']}:{config['port']}"} & set(settings.OUTBOUND_ALLOWED)
    if config["user"] and config["security"] == Security.NONE and not known:
        problems["security"] = "A password may only travel encrypted; choose STARTTLS or TLS."
    return problems


ADAPTER = Adapter(
    key="smtp",
    label="SMTP relay",
    capabilities=CAPABILITIES,
    credential="Password",
    build=build,
    check=check,
    receipts=receipts,  # whoever reads the bounce domain's mail posts what came as signed reports
    fields=(
        ConfigField(name="host", label="Server", help="For example smtp.example.com"),
        ConfigField(name="port", label="Port", kind="number", default="587", least=1, most=65535),
        ConfigField(
            name="security",
            label="Encryption",
            kind="choice",
            default=Security.STARTTLS,
            choices={
                Security.STARTTLS: "STARTTLS",
                Security.IMPLICIT: "TLS from the start",
                Security.NONE: "None",
            },
        ),
        ConfigField(name="user", label="User name", required=False),
        ConfigField(
            name="bounce_domain",
            label="Bounce domain",
            help="A domain whose mail is read for bounces; empty sends them to the sender's own address.",
            required=False,
        ),
        ConfigField(
            name="dkim_selector",
            label="DKIM selector",
            help="The name that the relay signs with. Only used to look whether its key is published.",
            required=False,
        ),
        ConfigField(
            name="connections", label="Connections at a time", kind="number", default="4", least=1, most=20
        ),
    ),
)
