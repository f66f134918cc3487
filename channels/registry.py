"""Every adapter there is. A new one is added here and nowhere else (docs/channels.md)."""

from __future__ import annotations

from channels import sandbox
from channels.adapter import Adapter
from channels.email import smtp_adapter
from channels.protocol import Capabilities, Channel, SenderFacts
from channels.sms import gateway_adapter

_ADAPTERS = {
    adapter.key: adapter
    for adapter in (smtp_adapter.ADAPTER, gateway_adapter.ADAPTER, sandbox.EMAIL, sandbox.SMS)
}


class UnknownAdapter(Exception):
    """A sender names an adapter that this version does not have."""


def adapter(key: str) -> Adapter:
    try:
        return _ADAPTERS[key]
    except KeyError as error:
        raise UnknownAdapter(f"There is no channel adapter “{key}”.") from error


def adapters_for(channel: str) -> list[Adapter]:
    return [found for found in _ADAPTERS.values() if found.capabilities.channel == channel]


def channel_for(facts: SenderFacts) -> Channel:
    """The channel to hand over with; nothing is connected yet."""
    return adapter(facts.adapter).build(facts)


def capabilities(facts: SenderFacts) -> Capabilities:
    """What the sender's adapter can do as it is configured."""
    return adapter(facts.adapter).capabilities_with(facts.config)
