"""A generic HTTP gateway for text messages as an adapter."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from channels import receipts
from channels.adapter import Adapter, ConfigField
from channels.protocol import Capabilities, Channel, Receipts, SenderFacts
from channels.sms.compile import SEGMENTS_MOST
from channels.sms.gateway import Gateway, GatewayChannel

CAPABILITIES = Capabilities(
    channel="sms",
    contact="phone",
    limits={"segments": SEGMENTS_MOST},
    receipts=Receipts.FULL,
    clicks=True,
    replies=True,
    price_unit="segment",
    per_second=50,
)
_NAMES = {"reference": "Reference", "to": "Recipient", "from": "Sender", "text": "Text"}


def build(facts: SenderFacts) -> Channel:
    config = facts.config
    return GatewayChannel(
        gateway=Gateway(
            url=config["url"],
            headers=_authorization(config, facts.secret),
            sender=facts.identity,
            names={name: config.get(f"{name}_field") or name for name in _NAMES},
            id_field=config.get("id_field") or "id",
        ),
        connections=int(config.get("connections", 16)),
    )


def _authorization(config: Mapping[str, Any], secret: str) -> tuple[str, ...]:
    scheme = config.get("authorization", "bearer")
    if scheme == "bearer":
        return (f"Authorization: Bearer {secret}",)
    if scheme == "basic":
        pair = base64.b64encode(f"{config.get('user', '')}:{secret}".encode()).decode()
        return (f"Authorization: Basic {pair}",)
    return ()


def check(config: dict[str, Any]) -> Mapping[str, str]:
    try:
        address = urlsplit(config["url"])
        host, port = address.hostname, address.port
    except ValueError:
        return {"url": "Address must be a web address like https://gateway.example.com/messages."}
    vouched = bool({host, f"{host}:{port}"} & set(settings.OUTBOUND_ALLOWED))
    if not host or address.username or not config["url"].isascii() or " " in config["url"]:
        return {"url": "Address must be a web address like https://gateway.example.com/messages."}
    if address.scheme != "https" and not (vouched and address.scheme == "http"):
        return {"url": "Address must begin with https://."}
    if config["authorization"] == "basic" and not config["user"]:
        return {"user": "User name is needed for basic authorization."}
    return {}


ADAPTER = Adapter(
    key="http-gateway",
    label="HTTP gateway",
    capabilities=CAPABILITIES,
    credential="Key or password",
    build=build,
    check=check,
    receipts=receipts,
    fields=(
        ConfigField(name="url", label="Address", help="Takes one POST with a JSON object for each message"),
        ConfigField(
            name="authorization",
            label="Authorization",
            kind="choice",
            default="bearer",
            choices={"bearer": "Bearer key", "basic": "User name and password", "none": "None"},
        ),
        ConfigField(name="user", label="User name", required=False),
        *(
            ConfigField(name=f"{name}_field", label=f"{label} field", default=name)
            for name, label in _NAMES.items()
        ),
        ConfigField(name="id_field", label="Field of the answer with the message's id", default="id"),
        ConfigField(
            name="receipts",
            label="Receipts",
            kind="choice",
            default=Receipts.FULL,
            choices={Receipts.FULL: "Reports by webhook", Receipts.NONE: "None"},
        ),
        ConfigField(
            name="honours_repeat_key",
            label="Honours Idempotency-Key",
            help="The gateway takes a message once, however often it is sent with the same key.",
            kind="flag",
            required=False,
        ),
        ConfigField(
            name="connections", label="Connections at a time", kind="number", default="16", least=1, most=64
        ),
    ),
)
