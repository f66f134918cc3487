"""Look-up keys: one bigint for any identifier, so that every look-up table is keyed alike (decisions 5)."""

from __future__ import annotations

import hashlib


def lookup_key(kind: str, normal: str) -> int:
    """The first 8 bytes of sha256 of `kind:normal form`, as PostgreSQL's signed bigint."""
    digest = hashlib.sha256(f"{kind}:{normal}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


# The same in SQL; `{kind}` and `{normal}` are expressions of ours, never input.
LOOKUP_KEY_SQL = (
    "('x' || left(encode(sha256(convert_to({kind} || ':' || {normal}, 'UTF8')), 'hex'), 16))::bit(64)::bigint"
)


def folded(text: str) -> str:
    """The form in which names and places are compared and searched: case and runs of space do not count."""
    return " ".join(text.split()).lower()
