"""The signed names of a delivery: what its links, its open pixel and its receipts carry.

A name holds the ledger key (org, day of the run, run, customer, seq), so the door that reads it needs no
look-up to find the one row of the one partition. Each purpose has its own mark, a slice of one keyed hash of
the key: a link of one purpose never works for another (H-22). The first byte tells which secret made it;
names made with an older secret stay valid while it stands in `SECRET_KEY_FALLBACKS` (unsubscribe links never
expire, H-17).
"""

from __future__ import annotations

import binascii
import re
import struct
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

from django.conf import settings

_EPOCH = date(2000, 1, 1)
_URLSAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_HEAD = struct.Struct(">BIHI")  # secret, org, day, run
_TAIL = struct.Struct(">HII")  # customer (48 bits), seq
_IDS = 28  # characters of a base64 key
_MARK = 12  # characters of a mark: 72 bits
_FIRST_MARKS = 3  # unsubscribe, open and the hidden link stand before the links
_FIRST_BLOCK = 6  # marks beside the reference in the first hash
_REFERENCE_AT = 54  # where the reference's mark begins in the first hash
_BLOCK = 7  # marks in every further block of the hash
_REFERENCE = re.compile(r"[0-9a-f]{56}")
_NAME = re.compile(r"[0-9A-Za-z_-]+")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHORT = re.compile(r"[0-9A-Z][0-9A-Za-z]{8}")

# Where those purposes' marks stand in `Signed.marks`.
unsubscribe_slice = slice(0, _MARK)
open_slice = slice(_MARK, 2 * _MARK)
# The run of messages that are in no ledger: tests and copies for colleagues (C-48, C-15), answers, previews.
NO_RUN = 0
# The link that no person sees; whoever follows it is a machine (H-24).
HIDDEN_LINK = 4095
# Purposes of a short code besides the numbers of links.
SHORT_UNSUBSCRIBE = -1


class Forged(Exception):
    """The name was not made here, or for another purpose. The text is fit for a log, not for a customer."""


class LedgerKey(NamedTuple):
    """The key of one delivery in the ledger."""

    org: int
    customer: int
    run_on: date
    run: int
    seq: int


class Signed(NamedTuple):
    """The pieces of every name of one delivery, as bytes ready for a URL."""

    ids: bytes
    marks: bytes
    reference: str


class RunSigner:
    """Signs the deliveries of one run: the part of the key that they share is packed and hashed once."""

    def __init__(self, *, org: int, run_on: date, run: int, links: int = 0) -> None:
        number, self._key = _current_key()
        self._head = _HEAD.pack(number, org, (run_on - _EPOCH).days, run)
        self._first = _first(self._head, self._key)
        self._blocks = [
            _block(self._head, self._key, block) for block in range(1, 1 + _further_blocks(links))
        ]

    def sign(self, customer: int, seq: int) -> Signed:
        tail = _TAIL.pack(customer >> 32, customer & 0xFFFFFFFF, seq)
        packed = self._head + tail
        ids = binascii.b2a_base64(packed, newline=False).translate(_URLSAFE)
        digest = _ended(self._first, tail)
        marks = digest[:_REFERENCE_AT]
        for block in self._blocks:
            marks += _ended(block, tail)
        encoded = binascii.b2a_base64(marks, newline=False).translate(_URLSAFE)
        return Signed(ids, encoded, packed.hex() + digest[_REFERENCE_AT:].hex())

    def short_code(self, customer: int, seq: int, purpose: int) -> int:
        """The short code of a link (`purpose` = its number) or of the opt-out (`SHORT_UNSUBSCRIBE`) (H-21).

        Derived, so rendering needs no look-up; whoever announces the message stores code → key, because nine
        characters cannot carry the key. `short_text` writes it.
        """
        packed = self._head + _TAIL.pack(customer >> 32, customer & 0xFFFFFFFF, seq)
        salt = purpose.to_bytes(2, "big", signed=True)
        digest = blake2b(packed, key=self._key, digest_size=8, salt=salt, person=b"short").digest()
        return int.from_bytes(digest, "big") % (36 * 62**8)


def link_slice(link: int) -> slice:
    """Where the mark of a link stands in `Signed.marks`."""
    at = _link_mark(link) * _MARK
    return slice(at, at + _MARK)


def link_digits(link: int) -> bytes:
    """The two characters that name a link inside its token."""
    return binascii.b2a_base64(bytes((link >> 4, (link & 15) << 4, 0)), newline=False)[:2].translate(_URLSAFE)


def unsubscribe_token(signed: Signed) -> bytes:
    return signed.ids + signed.marks[unsubscribe_slice]


def open_token(signed: Signed) -> bytes:
    return signed.ids + signed.marks[open_slice]


def link_token(signed: Signed, link: int) -> bytes:
    return signed.ids + link_digits(link) + signed.marks[link_slice(link)]


def read_unsubscribe(token: str) -> LedgerKey:
    """Raises `Forged`."""
    return _read(token, 0)


def read_open(token: str) -> LedgerKey:
    """Raises `Forged`."""
    return _read(token, 1)


def read_reference(reference: str) -> LedgerKey:
    """The key in a provider's reference, Message-ID or bounce address, in either case. Raises `Forged`."""
    text = reference.lower()
    if not _REFERENCE.fullmatch(text):
        raise Forged("not a reference")
    packed = bytes.fromhex(text[:42])
    for key in _keys(packed[0]):
        if compare_digest(_first(packed, key).digest()[_REFERENCE_AT:].hex(), text[42:]):
            return _unpack(packed)
    raise Forged("the reference's mark is wrong")


def read_link(token: str) -> tuple[LedgerKey, int]:
    """The key and the number of the link. Raises `Forged`."""
    if not (_NAME.fullmatch(token) and len(token) == _IDS + 2 + _MARK):
        raise Forged("not a link token")
    raw = binascii.a2b_base64(token[_IDS : _IDS + 2].encode().translate(_STANDARD) + b"A=")
    link = raw[0] << 4 | raw[1] >> 4
    return _read(token[:_IDS] + token[_IDS + 2 :], _link_mark(link)), link


def short_text(code: int) -> str:
    """Nine characters. The first is never a small letter, so a code is never the path of a page."""
    first, rest = divmod(code, 62**8)
    digits = ""
    for _ in range(8):
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    return _BASE62[first] + digits


def read_short(text: str) -> int:
    """The code to look up. Raises `Forged`."""
    if not _SHORT.fullmatch(text):
        raise Forged("not a short code")
    code = 0
    for character in text:
        code = code * 62 + _BASE62.index(character)
    return code


def _read(token: str, mark: int) -> LedgerKey:
    if not (_NAME.fullmatch(token) and len(token) == _IDS + _MARK):
        raise Forged("not a token")
    packed = binascii.a2b_base64(token[:_IDS].encode().translate(_STANDARD))
    for key in _keys(packed[0]):
        if compare_digest(_mark(packed, key, mark), token[_IDS:].encode()):
            return _unpack(packed)
    raise Forged("the token's mark is wrong")


def _link_mark(link: int) -> int:
    return _FIRST_MARKS - 1 if link == HIDDEN_LINK else _FIRST_MARKS + link


def _mark(packed: bytes, key: bytes, mark: int) -> bytes:
    if mark < _FIRST_BLOCK:
        raw = _first(packed, key).digest()
    else:
        block, mark = divmod(mark - _FIRST_BLOCK, _BLOCK)
        raw = _block(packed, key, block + 1).digest()
    return binascii.b2a_base64(raw[mark * 9 : mark * 9 + 9], newline=False).translate(_URLSAFE)


def _first(packed: bytes, key: bytes) -> blake2b:
    """The hash whose output is the first six marks and, from `_REFERENCE_AT`, the reference's own."""
    return blake2b(packed, key=key, digest_size=_REFERENCE_AT + 7)


def _block(packed: bytes, key: bytes, block: int) -> blake2b:
    """The hash whose output is the next seven marks."""
    return blake2b(packed, key=key, digest_size=63, salt=block.to_bytes(2, "big"), person=b"links")


def _ended(begun: blake2b, tail: bytes) -> bytes:
    copy = begun.copy()
    copy.update(tail)
    return copy.digest()


def _further_blocks(links: int) -> int:
    return max(0, -(-(_FIRST_MARKS + links - _FIRST_BLOCK) // _BLOCK))


def _unpack(packed: bytes) -> LedgerKey:
    _, org, day, run = _HEAD.unpack_from(packed)
    high, low, seq = _TAIL.unpack_from(packed, _HEAD.size)
    return LedgerKey(org, high << 32 | low, _EPOCH + timedelta(days=day), run, seq)


def _current_key() -> tuple[int, bytes]:
    return _derive(settings.SECRET_KEY)


def _keys(number: int) -> list[bytes]:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [key for known, key in map(_derive, secrets) if known == number]


@lru_cache(maxsize=16)
def _derive(secret: str) -> tuple[int, bytes]:
    """The number and the key that a secret gives. Two secrets may share a number; both are then tried."""
    key = blake2b(secret.encode(), digest_size=32, person=b"engage-delivery").digest()
    return blake2b(key, digest_size=1, person=b"number").digest()[0], key
