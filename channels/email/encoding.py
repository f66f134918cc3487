"""Quoted-printable and RFC 2047, written so that literals are encoded once a run and values cheaply.

Every piece of a body begins on a fresh line and ends with a soft break (or a hard one), so pieces can be
joined in any order. No line begins with `.` (SMTP never needs dot-stuffing) or `From ` (mailboxes are left
alone), and nothing a value holds can end a header line.
"""

from __future__ import annotations

import binascii
from functools import lru_cache

from markupsafe import escape

SOFT = b"=\r\n"
_LINE = 75  # of 76 characters, the last is the soft break's "="
_WORD = 39  # bytes of text in one encoded word: with its fold it stays under 76 characters
_HEX = {byte: b"=%02X" % byte for byte in range(256)}
_PLAIN = {byte: bytes((byte,)) for byte in (*range(33, 61), *range(62, 127), 32, 9)}
_ENCODED = {**_HEX, **_PLAIN}
_CACHE = 50_000
# A value of plain characters below this length fits one line as it is.
SHORTEST_LINE = 72


def qp_literal(text: str) -> bytes:
    """The author's text in quoted-printable; ends on a fresh line."""
    if len(text) < SHORTEST_LINE and _is_plain(text):
        return text.encode() + SOFT
    out: list[bytes] = []
    *lines, unfinished = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line in lines:
        out += [*_folded(line.encode(), ended=True), b"\r\n"]
    if unfinished:
        out += [*_folded(unfinished.encode(), ended=False), SOFT]
    return b"".join(out)


def _is_plain(text: str) -> bool:
    """Whether a short text stands as it is: what most names are, so it must not be looked at letter by letter."""
    return (
        text.isascii()
        and text.isprintable()
        and "=" not in text
        and text[:1] not in {"", "."}
        and text[:5] != "From "
    )


def _folded(line: bytes, *, ended: bool) -> list[bytes]:
    """One line of text, with soft breaks where it is too long; whitespace never stands at the end of a line."""
    out: list[bytes] = []
    width = 0
    last = len(line) - 1
    for at, byte in enumerate(line):
        piece = _ENCODED[byte]
        begins = width == 0 or width + len(piece) > _LINE
        if ended and at == last and byte in b" \t":
            piece = _HEX[byte]
            begins = begins or width + len(piece) > _LINE
        if begins and (byte == 46 or line.startswith(b"From ", at)):
            piece = _HEX[byte]
        if begins and width:
            out.append(SOFT)
            width = 0
        out.append(piece)
        width += len(piece)
    return out


@lru_cache(maxsize=_CACHE)
def qp_text(value: str) -> bytes:
    """A value in a text part, on lines of its own."""
    return qp_literal(value)


@lru_cache(maxsize=_CACHE)
def qp_html(value: str) -> bytes:
    """A value in HTML, as text or inside a quoted attribute."""
    return qp_literal(str(escape(value)))


@lru_cache(maxsize=_CACHE)
def words(text: str) -> bytes:
    """`text` as encoded words, each with a fold before it; whatever ends a line becomes a space."""
    out: list[bytes] = []
    current = b""
    for character in " ".join(text.splitlines()):
        encoded = character.encode("utf-8", "replace")
        if len(current) + len(encoded) > _WORD:
            out.append(current)
            current = b""
        current += encoded
    if current:
        out.append(current)
    return b"".join(b"\r\n =?utf-8?b?" + binascii.b2a_base64(word, newline=False) + b"?=" for word in out)


def phrase(name: str) -> bytes:
    """A display name: a quoted string where it is plain ASCII, encoded words otherwise."""
    if name.isascii() and name.isprintable() and len(name) < 60:
        return b'"' + name.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return words(name).removeprefix(b"\r\n ")
