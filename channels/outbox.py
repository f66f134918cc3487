"""The sandbox carrier's outbox as the console shows it: a message read back, its HTML apart (ui.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from channels import sandbox, senders
from channels.models import Sender


@dataclass(frozen=True)
class Shown:
    """A message as its receiver would see it. `html` is untrusted: it goes into a frame of its own only."""

    subject: str
    sender: str
    to: str
    text: str
    html: str
    headers: list[tuple[str, str]]


def read(sender: Sender, message_id: str) -> Shown:
    """Raises `sandbox.CarrierUnavailable`."""
    raw = sandbox.message(senders.facts(sender), message_id)
    return _mail(raw) if sender.channel == Sender.Channel.EMAIL else _text(raw)


def _mail(raw: bytes) -> Shown:
    message = message_from_bytes(raw, policy=default)
    return Shown(
        subject=str(message["Subject"] or ""),
        sender=str(message["From"] or ""),
        to=str(message["To"] or ""),
        text=_part(message, "plain"),
        html=_part(message, "html"),
        headers=[
            (name, str(value)) for name, value in message.items() if name not in {"To", "From", "Subject"}
        ],
    )


def _part(message: Any, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""


def _text(raw: bytes) -> Shown:
    body = json.loads(raw)
    return Shown("", str(body.get("from", "")), str(body.get("to", "")), str(body.get("text", "")), "", [])
