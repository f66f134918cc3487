"""Look-up keys: one bigint for any identifier, so that every look-up table is keyed alike (decisions 5)."""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import Final

_SIGNED: Final = struct.Struct(">q")


def lookup_key(kind: str, normal: str) -> int:
    """The first 8 bytes of sha256 of `kind:normal form`, as PostgreSQL's signed bigint."""
    key: int = _SIGNED.unpack_from(sha256(f"{kind}:{normal}".encode()).digest())[0]
    return key


# The same in SQL; `{kind}` and `{normal}` are expressions of ours, never input.
LOOKUP_KEY_SQL = (
    "('x' || left(encode(sha256(convert_to({kind} || ':' || {normal}, 'UTF8')), 'hex'), 16))::bit(64)::bigint"
)


def folded(text: str) -> str:
    """The form in which names and places are compared and searched: case and runs of space do not count."""
    return " ".join(text.split()).lower()
