"""The sandbox carrier as adapters, and its outbox. It reaches nobody; where it is comes from the settings."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx
from django.conf import settings

from channels import receipts
from channels.adapter import Adapter, ConfigField
from channels.email import smtp_adapter
from channels.email.opening import Relay, Security
from channels.email.smtp import SmtpChannel
from channels.protocol import Capabilities, Channel, Receipts, SenderFacts
from channels.sms import gateway_adapter
from channels.sms.gateway import Gateway, GatewayChannel

_TIMEOUT = httpx.Timeout(5.0)
PAGE = 50


class CarrierUnavailable(Exception):
    """The carrier cannot be asked now; the text is fit for the user."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One message as the carrier has it; `at` is dated with the shift of a simulated run."""

    id: str
    at: datetime
    reference: str
    sender: str
    to: str
    subject: str
    text: str
    size: int


def outbox(facts: SenderFacts, *, limit: int = PAGE, before: str = "") -> list[OutboxEntry]:
    """The newest messages of a sender's account, read with its own key. Raises `CarrierUnavailable`."""
    query = {"limit": str(limit), **({"before": before} if before else {})}
    return [_entry(found) for found in json.loads(_ask(facts, f"/v1/outbox?{urlencode(query)}"))]


def message(facts: SenderFacts, message_id: str) -> bytes:
    """One message as it came: an RFC 5322 message, or the JSON of a text. Raises `CarrierUnavailable`."""
    if not all(character.isalnum() or character in "-_." for character in message_id):
        raise CarrierUnavailable("There is no such message.")
    return _ask(facts, f"/v1/outbox/{message_id}")


def _ask(facts: SenderFacts, path: str) -> bytes:
    if not settings.CARRIER_URL:
        raise CarrierUnavailable("No sandbox carrier runs here.")
    try:
        answer = httpx.get(
            settings.CARRIER_URL + path,
            headers={"Authorization": f"Bearer {facts.secret}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise CarrierUnavailable("The sandbox carrier does not answer.") from error
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise CarrierUnavailable("There is no such message, or the carrier no longer keeps it.")
    if answer.status_code != httpx.codes.OK:
        raise CarrierUnavailable(f"The sandbox carrier answered {answer.status_code}.")
    return answer.content


def _entry(found: dict[str, Any]) -> OutboxEntry:
    return OutboxEntry(
        id=str(found["id"]),
        at=datetime.fromisoformat(str(found["at"])),
        reference=str(found["reference"]),
        sender=str(found["from"]),
        to=str(found["to"]),
        subject=str(found.get("subject") or ""),
        text=str(found.get("text") or ""),
        size=int(str(found["size"])),
    )


def _build_email(facts: SenderFacts) -> Channel:
    host, _, port = settings.CARRIER_SMTP.removeprefix("smtp://").rpartition(":")
    relay = Relay(
        host=host,
        port=int(port),
        security=Security.NONE,
        user=facts.config["account"],
        password=facts.secret,
        trusted=True,
    )
    return SmtpChannel(relay=relay, envelope_from=smtp_adapter.envelope(facts.identity, "bounces.invalid"))


def _build_sms(facts: SenderFacts) -> Channel:
    shift = facts.config.get("clock_shift")
    return GatewayChannel(
        gateway=Gateway(
            url=f"{settings.CARRIER_URL}/v1/messages",
            headers=(f"Authorization: Bearer {facts.secret}",),
            sender=facts.identity,
            extra={"clock_shift": shift} if shift else {},
            trusted=True,
        )
    )


def _capabilities(stated: Capabilities) -> Capabilities:
    return replace(stated, receipts=Receipts.FULL, replies=stated.channel == "sms")


_FIELDS = (ConfigField(name="account", label="Carrier account"),)

EMAIL = Adapter(
    key="sandbox-email",
    label="Sandbox carrier (reaches nobody)",
    capabilities=_capabilities(smtp_adapter.CAPABILITIES),
    fields=_FIELDS,
    credential="Account key",
    build=_build_email,
    receipts=receipts,
    sandbox=True,
)
SMS = Adapter(
    key="sandbox-sms",
    label="Sandbox carrier (reaches nobody)",
    capabilities=replace(_capabilities(gateway_adapter.CAPABILITIES), honours_repeat_key=True),
    fields=_FIELDS,
    credential="Account key",
    build=_build_sms,
    receipts=receipts,
    sandbox=True,
)
