"""A mail compiled once a run: literals encoded beforehand, a list copied and filled for every recipient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from channels.email.address import wire
from channels.email.encoding import SHORTEST_LINE, SOFT, qp_html, qp_literal, qp_text, words
from channels.links import url_value, web_address
from channels.merge import Marks
from channels.rendering import Rendered, SlotTable, Values
from channels.tokens import HIDDEN_LINK, RunSigner, link_digits, link_slice, open_slice, unsubscribe_slice

BOUNDARY = b"=_engage"  # "=" stands in quoted-printable text only before a code, so no body holds it
_PART = b"--%b\r\nContent-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_PLAIN_SUBJECT = 66
# The first step of the path of each kind of tracked address.
_PATHS = {"l": "c", "h": "c", "x": "u", "o": "o"}

_BODIES = ("text", "html")

Encoder = Callable[[str], bytes]
Reader = Callable[[Values], str]


@dataclass(frozen=True, slots=True)
class Head:
    """The header's fixed parts; `before_to` is encoded already, `domain` is the right side of the Message-ID."""

    before_to: bytes
    domain: bytes
    promotional: bool
    clock_shift: int


class Template:
    """The pieces of a mail in order. Those that differ between recipients are empty, and known by their
    place.
    """

    def __init__(self, marks: Marks, slots: SlotTable, tracking_url: str) -> None:
        self._marks = marks
        self._slots = slots
        self._base = tracking_url
        self._literal_last = False
        self.pieces: list[bytes] = []
        self.values: dict[int, dict[tuple[str, str], list[int]]] = {}  # slot → (part, kind) → places
        self.tokens: dict[
            tuple[int, int], list[int]
        ] = {}  # where the mark stands in the signed marks → places
        self.named: dict[str, list[int]] = {}

    def build(self, head: Head, *, subject: str, text: str, html: str) -> None:
        """Lay out the whole message."""
        self._literal(head.before_to + b"To: ")
        self._place(self.named.setdefault("to", []))
        self._literal(b"\r\nSubject: ")
        self._subject(subject)
        self._literal(b"\r\nMessage-ID: <")
        self._place(self.named.setdefault("reference", []))
        self._literal(b"@" + head.domain + b">\r\nDate: ")
        self._place(self.named.setdefault("date", []))
        self._literal(b"\r\nMIME-Version: 1.0\r\n")
        if head.promotional:
            self._literal(f"List-Unsubscribe:\r\n <{self._base}/u/".encode())
            self._token("x", 0)
            self._literal(b">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nPrecedence: bulk\r\n")
        if head.clock_shift:
            self._literal(b"X-Engage-Clock-Shift: %d\r\n" % head.clock_shift)
        self._literal(b'Content-Type: multipart/alternative;\r\n boundary="%b"\r\n\r\n' % BOUNDARY)
        self._literal(_PART % (BOUNDARY, b"plain"))
        self._body("text", text)
        self._literal(b"\r\n" + _PART % (BOUNDARY, b"html"))
        self._body("html", html)
        self._literal(b"\r\n--" + BOUNDARY + b"--\r\n")

    def _subject(self, text: str) -> None:
        parts = list(self._marks.split(text))
        if len(parts) == 1 and text.isascii() and len(text) <= _PLAIN_SUBJECT and "=?" not in text:
            self._literal(text.encode())
            return
        part = "first words"
        for literal, kind, number in parts:
            if literal:
                self._literal(encoder(part, "s")(literal))
                part = "words"
            if kind:
                self._value(part, kind, number)
                part = "words"

    def _body(self, part: str, text: str) -> None:
        for literal, kind, number in self._marks.split(text):
            self._literal(qp_literal(literal))
            if kind in _PATHS:
                self._literal(qp_literal(f"{self._base}/{_PATHS[kind]}/"))
                self._token(kind, number)
                self._literal(SOFT)
            elif kind:
                self._value(part, kind, number)

    def _token(self, kind: str, number: int) -> None:
        link = HIDDEN_LINK if kind == "h" else number
        mark = {"x": unsubscribe_slice, "o": open_slice}.get(kind) or link_slice(link)
        self._place(self.named.setdefault("ids", []))
        if kind in "lh":
            self._literal(link_digits(link))
        self._place(self.tokens.setdefault((mark.start, mark.stop), []))

    def _value(self, part: str, kind: str, number: int) -> None:
        constant = self._slots.constant(number)
        if constant is not None:
            self._literal(encoder(part, kind)(constant))
        else:
            self._place(self.values.setdefault(number, {}).setdefault((part, kind), []))

    def _literal(self, raw: bytes) -> None:
        if self._literal_last:
            self.pieces[-1] += raw
        else:
            self.pieces.append(raw)
        self._literal_last = True

    def _place(self, places: list[int]) -> None:
        places.append(len(self.pieces))
        self.pieces.append(b"")
        self._literal_last = False


def encoder(part: str, kind: str) -> Encoder:
    """How a value is written: escaped for where it stands, then encoded for the mail."""
    encode = _ENCODERS[part]
    if kind == "u":
        return lambda value: encode(url_value(value))
    if kind == "w":
        return lambda value: encode(web_address(value))
    return encode


class EmailRenderer:
    """Writes one recipient's mail: signs, fills the places, joins."""

    def __init__(self, template: Template, slots: SlotTable, signer: RunSigner) -> None:
        self._pieces = template.pieces
        self._sign = signer.sign
        self._alone: list[tuple[Reader, Encoder, list[int]]] = []
        self._bodies: list[tuple[Reader, list[int], list[tuple[Encoder, list[int]]]]] = []
        for number, uses in template.values.items():
            read = slots.reader(number)
            bodies = {use: places for use, places in uses.items() if use[0] in _BODIES and use[1] != "w"}
            self._alone += [(read, encoder(*use), uses[use]) for use in uses.keys() - bodies.keys()]
            if bodies:
                encoders = [(encoder(*use), places) for use, places in bodies.items()]
                self._bodies.append(
                    (read, [place for places in bodies.values() for place in places], encoders)
                )
        self._tokens = [(slice(*mark), places) for mark, places in template.tokens.items()]
        self._ids = template.named.get("ids", [])
        (self._to,), (self._reference,), (self._date,) = (
            template.named[name] for name in ("to", "reference", "date")
        )

    def __call__(self, customer: int, seq: int, to: str, values: Values, at: int) -> Rendered:
        ids, marks, reference = self._sign(customer, seq)
        out = self._pieces.copy()
        for read, encode, places in self._alone:
            piece = encode(read(values))
            for place in places:
                out[place] = piece
        self._write_bodies(out, values)
        for place in self._ids:
            out[place] = ids
        for mark, places in self._tokens:
            piece = marks[mark]
            for place in places:
                out[place] = piece
        out[self._to] = to.encode() if to.isascii() and to.isprintable() else _unusual(to)
        out[self._reference] = reference.encode()
        out[self._date] = _date(at)
        return Rendered(b"".join(out), reference)

    def _write_bodies(self, out: list[bytes], values: Values) -> None:
        for read, all_places, encoders in self._bodies:
            value = read(values)
            if value.isascii() and value.isalnum() and len(value) < SHORTEST_LINE:
                piece = value.encode() + SOFT  # such a value needs no escaping anywhere in a body
                for place in all_places:
                    out[place] = piece
                continue
            for encode, places in encoders:
                piece = encode(value)
                for place in places:
                    out[place] = piece

    def short_codes(self, customer: int, seq: int) -> list[tuple[int, int]]:
        return []


def _first_words(text: str) -> bytes:
    return words(text).removeprefix(b"\r\n ")


_ENCODERS: dict[str, Encoder] = {
    "first words": _first_words,
    "words": words,
    "text": qp_text,
    "html": qp_html,
}


def _unusual(to: str) -> bytes:
    """An address beyond ASCII. One that cannot be written is no header; no adapter hands over to it either."""
    return wire(to) or b"undisclosed-recipients:;"


@lru_cache(maxsize=64)
def _date(at: int) -> bytes:
    return formatdate(at, usegmt=True).encode()
