"""Testing a sender's connection: one short message through its own adapter, to an address that somebody typed."""

from __future__ import annotations

import asyncio
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Final

from channels import registry, senders
from channels.feed import Batch
from channels.models import Sender
from channels.protocol import Outcome, Outgoing, Reason, Result
from channels.tokens import RunSigner

# What to do, by the reason that the adapter gave (H-39).
FIXES: Final = {
    Reason.SENDER_REJECTED: "The provider does not know this sender. Verify the identity there.",
    Reason.AUTH_FAILED: "The provider refuses the credentials. Enter them again.",
    Reason.TEMPLATE_ERROR: "The provider wants an approved template for this.",
    Reason.CONTENT_REJECTED: "The provider refused the content.",
    Reason.ADDRESS_REFUSED: "The provider refused the address you typed. Try another one.",
    Reason.BUSY: "The provider is busy. Try again in a minute.",
    Reason.UNREACHABLE: "The provider could not be reached. Check the server's name and port.",
    Reason.NO_ANSWER: "The provider did not answer. Look whether the message arrived, then try again.",
}
TEXT: Final = "This is a connection test of Engage. If you can read it, the sender works."


class Refused(Exception):
    """The test did not pass; the text says why and what to do."""


def prove(sender: Sender, to: str, *, at: datetime) -> None:
    """Hand one message over and wait for the answer, 20 s at most. Writes nothing.

    Raises `Refused` unless the provider took it.
    """
    facts = senders.facts(sender)
    signed = RunSigner(org=sender.org_id, run_on=at.date(), run=0).sign(0, sender.pk)  # run 0: in no ledger
    body = _mail(sender, to, signed.reference, at) if sender.channel == "email" else TEXT.encode()
    answers: list[Result] = []
    outgoing = Outgoing(0, to, body, signed.reference, signed.reference)
    channel = registry.channel_for(facts)
    fault = asyncio.run(channel.send(Batch([outgoing]), lambda _key, result: answers.append(result)))
    if answers and answers[0].outcome is Outcome.ACCEPTED:
        return
    found = answers[0] if answers else fault
    reason = found.reason if found is not None and found.reason else Reason.UNREACHABLE
    detail = f" ({found.detail})" if found is not None and found.detail else ""
    raise Refused(f"{FIXES[reason]}{detail}")


def _mail(sender: Sender, to: str, reference: str, at: datetime) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = formataddr((sender.display_name, sender.identity))
    message["To"] = to
    message["Subject"] = f"[TEST] Connection test of {sender.name}"
    message["Message-ID"] = f"<{reference}@{sender.identity.rpartition('@')[2]}>"
    message["Date"] = format_datetime(at)
    message.set_content(TEXT + "\n")
    return message.as_bytes()
