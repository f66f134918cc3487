"""Addresses as they may stand on the wire."""

from __future__ import annotations

import re

_SAFE = re.compile(rb"[!#-'*+\-./0-9=?A-Z^-~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})")


def wire(address: str) -> bytes | None:
    """`address` as bytes for an envelope or a header; None when it cannot stand there.

    The domain is written in ASCII. A local part beyond ASCII, a quoted one, spaces and line ends are refused,
    so nothing in an address can become a command or a header.
    """
    if not address.isascii():
        local, _, domain = address.rpartition("@")
        try:
            address = f"{local}@{domain.encode('idna').decode()}"
        except UnicodeError:
            return None
    encoded = address.encode("utf-8", "replace")
    return encoded if _SAFE.fullmatch(encoded) else None
