"""From a sender's row to what its adapter is given."""

from __future__ import annotations

from channels.models import Sender
from channels.protocol import SenderFacts
from channels.secrets import decrypt


def facts(sender: Sender) -> SenderFacts:
    """The sender with its secret in the clear; keep it out of logs and pages. Raises `secrets.Unreadable`."""
    return SenderFacts(
        id=sender.pk,
        channel=sender.channel,
        adapter=sender.adapter,
        identity=sender.identity,
        display_name=sender.display_name,
        reply_to=sender.reply_to,
        config=sender.config,
        secret=decrypt(sender.secret),
    )
