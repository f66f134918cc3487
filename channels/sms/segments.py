"""How many segments a text takes (H-25), and what to write instead of a character that costs too much (H-26)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "^{}[]~|\\€\f"
_SEPTETS = {**dict.fromkeys(_BASIC, 1), **dict.fromkeys(_EXTENDED, 2)}
_ALONE = {"gsm7": 160, "unicode": 70}
_EACH = {"gsm7": 153, "unicode": 67}
_PLAIN = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"', "«": '"',
    "»": '"', "″": '"', "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "•": "-", "·": ".", "…": "...",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200a": " ", "\u2003": " ", "\t": " ", "\u200b": "", "\u200d": "",
    "\ufeff": "", "\ufe0f": "", "×": "x", "™": "TM", "©": "(c)", "®": "(r)", "₹": "Rs", "œ": "oe", "Œ": "OE",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ð": "d", "þ": "th", "ç": "c",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """`forced_by` is the first character that forces Unicode; `units` are septets or 16-bit units."""

    encoding: str
    segments: int
    units: int
    forced_by: str


def count(text: str) -> Count:
    """The segments of a text as it leaves. An empty text takes none."""
    forced_by = next((character for character in text if character not in _SEPTETS), "")
    encoding = "unicode" if forced_by else "gsm7"
    sizes = [_size(character, encoding) for character in text]
    units = sum(sizes)
    if units <= _ALONE[encoding]:
        return Count(encoding, 1 if text else 0, units, forced_by)
    return Count(encoding, _packed(sizes, _EACH[encoding]), units, forced_by)


def plain(text: str) -> str:
    """`text` with whatever has a plain form written so; what has none stays."""
    return "".join(_plain(character) for character in text)


def replacements(text: str) -> dict[str, str]:
    """What to offer when Unicode is not allowed: the plain form of each character, empty where there is none."""
    out = {}
    for character in text:
        if character not in _SEPTETS:
            written = _plain(character)
            out[character] = "" if written == character else written
    return out


def is_plain(text: str) -> bool:
    return all(character in _SEPTETS for character in text)


def _size(character: str, encoding: str) -> int:
    if encoding == "gsm7":
        return _SEPTETS[character]
    return 2 if ord(character) > 0xFFFF else 1


def _packed(sizes: list[int], room: int) -> int:
    """Segments when no character is cut: one that does not fit begins the next."""
    segments, used = 1, 0
    for size in sizes:
        if used + size > room:
            segments += 1
            used = 0
        used += size
    return segments


def _plain(character: str) -> str:
    if character in _SEPTETS:
        return character
    if character in _PLAIN:
        return _PLAIN[character]
    base = unicodedata.normalize("NFKD", character)
    letters = "".join(part for part in base if not unicodedata.combining(part))
    return letters if letters and is_plain(letters) else character
