"""Where the server may connect to on a user's word: public addresses only, each name resolved once (Q-28)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from django.conf import settings


class AddressRefused(Exception):
    """The host has no address that may be connected to; the text is fit for the user."""


async def resolve(host: str, port: int, *, trusted: bool = False) -> list[str]:
    """The numeric addresses to connect to, in order. Raises `AddressRefused`, or OSError for an unknown name.

    `trusted` hosts come from the operator's settings, not from a user; so do those in `OUTBOUND_ALLOWED`, the
    internal relays and gateways an operator vouches for.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if trusted or {host, f"{host}:{port}"} & set(settings.OUTBOUND_ALLOWED):
        return addresses
    public = [address for address in addresses if is_public(address)]
    if not public:
        raise AddressRefused(f"{host} is an internal address; only the operator can allow it.")
    return public


def is_public(address: str) -> bool:
    """Whether an address is on the public internet, also when it is an IPv4 one inside an IPv6 one."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            parsed = inner
    return parsed.is_global and not parsed.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
