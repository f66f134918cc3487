"""The links of one content: which are tracked, under which number, and where each leads (H-20)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from channels.merge import Marks, Problem, Slot
from channels.tags import Kind
from channels.tokens import HIDDEN_LINK
from channels.utm import Utm, with_utm

MOST_LINKS = HIDDEN_LINK  # numbers are 12 bits, the last is the hidden link's
_WEB = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a target: its text, or the slot number that gives it (`whole`: the value is the address's
    beginning).
    """

    text: str = ""
    slot: Slot | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A tracked link. `pieces` has one text piece when everybody's target is the same."""

    number: int
    pieces: tuple[Piece, ...]
    utm: Utm | None

    def target(self, values: Sequence[str | None], slots: Sequence[str]) -> str:
        """Where it leads for a customer, exactly; `values` in the order of the content's `slots`.

        Empty when the value that should be the whole address is no web address.
        """
        address = "".join(_filled(piece, values, slots) for piece in self.pieces)
        return with_utm(address, self.utm) if address else ""


class LinkTable:
    """Numbers the targets of a content, in the order of their first use; the same target has one number.

    With `known`, the numbers are given, and other targets are not tracked.
    """

    def __init__(
        self,
        marks: Marks,
        *,
        track: bool,
        utm: Utm | None,
        problems: list[Problem],
        known: Mapping[str, int] | None = None,
    ) -> None:
        self._marks = marks
        self._track = track
        self._utm = utm
        self._problems = problems
        self._numbers = dict(known or {})
        self._fixed = known is not None

    def links(self) -> tuple[Link, ...]:
        return tuple(Link(number, self._pieces(href), self._utm) for href, number in self._numbers.items())

    def targets(self) -> tuple[str, ...]:
        """The tracked addresses with their slots still marked: their values are needed too."""
        return tuple(self._numbers)

    def placed(self, href: str, *, tracked: bool = True) -> str:
        """What to write in place of `href`: the mark of a tracked link, or the address with its values
        marked.
        """
        href = href.strip()
        if self._opts_out(href):
            return self._marks.word("x", 0)
        pieces = self._pieces(href)
        first = pieces[0] if pieces else Piece()
        if not (_WEB.match(first.text) or first.whole):
            self._judge_other(href, first)
            return self._written(pieces)
        if first.text and not names_a_site(href):
            self._refuse(f"The link “{self._shown(href)}” names no site.")
        if not (self._track and tracked) or (self._fixed and href not in self._numbers):
            return self._written(pieces if first.whole else self._pieces(with_utm(href, self._utm)))
        number = self._numbers.setdefault(href, len(self._numbers))
        if number == MOST_LINKS:
            self._refuse(f"A message can have at most {MOST_LINKS} different tracked links.")
        return self._marks.word("l", number)

    def image(self, source: str) -> str:
        """The address of a picture with its values marked; nothing is tracked."""
        pieces = self._pieces(source.strip())
        first = pieces[0] if pieces else Piece()
        if not (_WEB.match(first.text) or first.whole) or self._marks.word("x", 0) in source:
            self._refuse(
                f"The picture “{self._shown(source)}” needs a whole address beginning with https://."
            )
        return self._written(pieces)

    def in_text(self, text: str, spans: Iterable[tuple[int, int]]) -> str:
        """Plain text with the addresses at `spans` placed."""
        out, at = [], 0
        for begin, end in spans:
            out += [text[at:begin], self.placed(text[begin:end])]
            at = end
        return "".join([*out, text[at:]])

    def _opts_out(self, href: str) -> bool:
        mark = self._marks.word("x", 0)
        if mark in href and href != mark:
            self._refuse("The unsubscribe tag must be the whole address of its link.")
        return mark in href

    def _judge_other(self, href: str, first: Piece) -> None:
        if first.slot:
            self._refuse(
                f"A link cannot begin with “{first.slot.tag.name}”; write https:// and the site before it."
            )
        elif not first.text.lower().startswith(("mailto:", "tel:", "#")):
            self._refuse(f"The link “{self._shown(href)}” needs a whole address beginning with https://.")

    def _pieces(self, href: str) -> tuple[Piece, ...]:
        out: list[Piece] = []
        for text, kind, number in self._marks.split(href):
            if text:
                out.append(Piece(text))
            if kind:
                slot = self._marks.slot(number)
                out.append(Piece(slot=slot, whole=not out and slot.tag.kind is Kind.URL))
        return tuple(out)

    def _written(self, pieces: tuple[Piece, ...]) -> str:
        return "".join(
            self._marks.word("w" if piece.whole else "u", self._marks.slot_number(piece.slot))
            if piece.slot
            else piece.text
            for piece in pieces
        )

    def _shown(self, href: str) -> str:
        return self._marks.pattern.sub(lambda found: self._marks.slot(int(found[2])).tag.name, href)[:80]

    def _refuse(self, text: str) -> None:
        self._problems.append(Problem("broken_link", text))


def url_value(value: str) -> str:
    """A value inside an address: whatever could change the address's shape is escaped."""
    return quote(value, safe="")


def web_address(value: str) -> str:
    """A value that is a whole address: itself when it is a web address, nothing otherwise."""
    return value if _WEB.match(value) and value.isprintable() and " " not in value else ""


def names_a_site(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _filled(piece: Piece, values: Sequence[str | None], slots: Sequence[str]) -> str:
    if piece.slot is None:
        return piece.text
    slot = piece.slot
    value = (
        slot.constant if slot.constant is not None else values[slots.index(slot.tag.name)] or slot.fallback
    )
    return web_address(value) if piece.whole else url_value(value)
