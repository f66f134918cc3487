"""What the DNS says of a sender's domain: SPF, DKIM and DMARC, as a mailbox provider would look (H-30).

SPF: RFC 7208. DKIM keys: RFC 6376. DMARC: RFC 7489, with the parent domains asked in turn where the domain has no
policy of its own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.rdatatype import TXT
from dns.resolver import NXDOMAIN, NoAnswer

from channels.resolving import resolver

# For all three together: a page waits for them.
SECONDS: Final = 3.0
OK, MISSING, WRONG, UNKNOWN = "ok", "missing", "wrong", "unknown"


@dataclass(frozen=True)
class Record:
    """One of the three: where it was looked for, its state, and what to do about it."""

    name: str
    where: str
    state: str
    says: str
    text: str = ""


class _NotKnown(Exception):
    """Nobody answered, or not in time."""


def look(domain: str, *, dkim_selector: str = "") -> list[Record]:
    """SPF, DKIM, DMARC of a domain. Never raises for what the DNS answers, and takes `SECONDS` at most."""

    async def ask() -> list[Record]:
        return list(await asyncio.gather(_spf(domain), _dkim(domain, dkim_selector), _dmarc(domain)))

    return asyncio.run(ask())


async def _texts(where: str) -> list[str]:
    """The text records of a name, none where it has none. Raises `_NotKnown`."""
    try:
        answer = await resolver(Resolver).resolve(where, TXT, lifetime=SECONDS)
    except (NXDOMAIN, NoAnswer):
        return []
    except DNSException:
        raise _NotKnown from None
    # A record longer than 255 bytes comes in several strings that belong together.
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _not_known(name: str, where: str) -> Record:
    return Record(name, where, UNKNOWN, "The name server did not answer. Look again later.")


async def _spf(domain: str) -> Record:
    try:
        found = [text for text in await _texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
    except _NotKnown:
        return _not_known("SPF", domain)
    if not found:
        return Record("SPF", domain, MISSING, "No record names the servers that may send for this domain.")
    if len(found) > 1:
        return Record(
            "SPF", domain, WRONG, "There are several records; receivers then ignore them all.", found[0]
        )
    if "+all" in found[0].lower().split() or "all" in found[0].lower().split():
        return Record("SPF", domain, WRONG, "The record lets every server send for this domain.", found[0])
    return Record("SPF", domain, OK, "Receivers can tell which servers may send for this domain.", found[0])


async def _dkim(domain: str, selector: str) -> Record:
    where = f"{selector or 'selector'}._domainkey.{domain}"
    if not selector:
        return Record(
            "DKIM", where, UNKNOWN, "Enter the DKIM selector that the relay signs with to look for its key."
        )
    try:
        found = await _texts(where)
    except _NotKnown:
        return _not_known("DKIM", where)
    if not found:
        return Record("DKIM", where, MISSING, "No key is published, so signatures cannot be checked.")
    key = _tags(found[0])
    if len(found) > 1 or key.get("v", "DKIM1") != "DKIM1" or "p" not in key:
        return Record("DKIM", where, WRONG, "This is not one DKIM key.", found[0])
    if not key["p"]:
        return Record("DKIM", where, WRONG, "The key was withdrawn: it is empty.", found[0])
    return Record("DKIM", where, OK, "The key for the relay's signatures is published.", found[0])


async def _dmarc(domain: str) -> Record:
    where = f"_dmarc.{domain}"
    try:
        for place in _with_parents(domain):
            found = [text for text in await _texts(f"_dmarc.{place}") if text.startswith("v=DMARC1")]
            if found:
                return _policy(f"_dmarc.{place}", found, inherited=place != domain)
    except _NotKnown:
        return _not_known("DMARC", where)
    return Record("DMARC", where, MISSING, "No policy says what to do with mail that pretends to be yours.")


def _policy(where: str, found: list[str], *, inherited: bool) -> Record:
    tags = _tags(found[0])
    policy = tags.get("sp", tags.get("p", "")) if inherited else tags.get("p", "")
    if len(found) > 1 or policy not in {"none", "quarantine", "reject"}:
        return Record("DMARC", where, WRONG, "Receivers cannot read this as one policy.", found[0])
    means = {
        "none": "Receivers report mail that pretends to be yours, and deliver it.",
        "quarantine": "Receivers put mail that pretends to be yours aside.",
        "reject": "Receivers refuse mail that pretends to be yours.",
    }
    return Record("DMARC", where, OK, means[policy], found[0])


def _with_parents(domain: str) -> list[str]:
    """news.acme.example → itself, acme.example: never a top-level domain alone."""
    labels = domain.split(".")
    return [".".join(labels[place:]) for place in range(max(1, len(labels) - 1))]


def _tags(text: str) -> dict[str, str]:
    """`a=1; b=2` as a dictionary; a key's spaces mean nothing."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, equals, value in pairs if equals}
