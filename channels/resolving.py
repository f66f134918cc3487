"""The name servers that Engage asks: the system's, or the one that the operator names."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings
from dns.resolver import BaseResolver

R = TypeVar("R", bound=BaseResolver)


def resolver(kind: type[R]) -> R:
    """A resolver of this kind, blocking or not."""
    if not settings.DNS_SERVER:
        return kind()
    host, _, port = settings.DNS_SERVER.rpartition(":")
    found = kind(configure=False)
    found.nameservers, found.port = [host], int(port)
    return found
