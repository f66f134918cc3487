"""From an author's text message to a renderer (H-01, H-02, H-19 to H-21, H-25, H-26)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from channels.email.plain import addresses
from channels.links import LinkTable, url_value, web_address
from channels.merge import Marks
from channels.reading import Reading
from channels.rendering import Preview, Rendered, Renderer, RunFacts, SlotTable, Values
from channels.sms.segments import Count, count, plain, replacements
from channels.tokens import SHORT_UNSUBSCRIBE, RunSigner, short_text

SEGMENTS_MOST = 10
# What the counter takes a short link for, whatever the tracking domain (H-21).
SHORT_LINK = 22


@dataclass(frozen=True, slots=True)
class SmsContent:
    text: str
    allow_unicode: bool = True


@dataclass(frozen=True, slots=True)
class _Piece:
    """A literal, or a value, or a short link (its `purpose`)."""

    literal: str = ""
    read: Callable[[Values], str] | None = None
    purpose: int | None = None


class CompiledSms:
    removed: tuple[str, ...] = ()

    def __init__(
        self, text: str, marks: Marks, links: LinkTable, facts: RunFacts, *, allow_unicode: bool
    ) -> None:
        self._facts = facts
        self._slots = SlotTable(marks, facts, (text, *links.targets()))
        self._tidy: Callable[[str], str] = str if allow_unicode else plain
        self._allow_unicode = allow_unicode
        self._pieces = [piece for part in marks.split(text) for piece in self._read(*part)]
        self.slots = self._slots.names
        self.required = self._slots.required
        self.judge_each = any(piece.read for piece in self._pieces)
        self.links = links.links()
        self.warnings: tuple[str, ...] = ()

    def problem(self, values: Values) -> str | None:
        missing = self._slots.missing(values)
        if missing:
            return f"“{missing}” has no value."
        counted = self.counted(values)
        if counted.segments > SEGMENTS_MOST:
            return f"The text takes {counted.segments} segments; at most {SEGMENTS_MOST} fit."
        if not self._allow_unicode and counted.forced_by:
            return f"“{counted.forced_by}” needs Unicode, which is not allowed here."
        return None if counted.segments else "The text is empty."

    def counted(self, values: Values) -> Count:
        """The segments of one customer's text, links counted as short ones."""
        return count(self.text(values, lambda _purpose: "x" * SHORT_LINK))

    def text(self, values: Values, link: Callable[[int], str]) -> str:
        out = []
        for piece in self._pieces:
            if piece.purpose is not None:
                out.append(link(piece.purpose))
            else:
                out.append(self._tidy(piece.read(values)) if piece.read else piece.literal)
        return "".join(out)

    def purposes(self) -> list[int]:
        return sorted({piece.purpose for piece in self._pieces if piece.purpose is not None})

    def renderer(self, signer: RunSigner) -> Renderer:
        return SmsRenderer(self, signer, self._facts.tracking_url)

    def preview(self, values: Values) -> Preview:
        def link(purpose: int) -> str:
            if purpose == SHORT_UNSUBSCRIBE:
                return f"{self._facts.tracking_url}/u/preview"
            return self.links[purpose].target(values, self.slots)

        return Preview("", "", self.text(values, link))

    def _read(self, literal: str, kind: str, number: int) -> list[_Piece]:
        pieces = [_Piece(literal)] if literal else []
        if kind == "l":
            pieces.append(_Piece(purpose=number))
        elif kind == "x":
            pieces.append(_Piece(purpose=SHORT_UNSUBSCRIBE))
        elif kind:
            pieces.append(self._value(kind, number))
        return pieces

    def _value(self, kind: str, number: int) -> _Piece:
        write: Callable[[str], str] = {"u": url_value, "w": web_address}.get(kind, str)
        constant = self._slots.constant(number)
        if constant is not None:
            return _Piece(self._tidy(write(constant)))
        value = self._slots.reader(number)
        return _Piece(read=lambda values: write(value(values)))


class SmsRenderer:
    """Writes one recipient's text; its links are short codes that the announcing commit stores."""

    def __init__(self, compiled: CompiledSms, signer: RunSigner, tracking_url: str) -> None:
        self._text = compiled.text
        self._purposes = compiled.purposes()
        self._signer = signer
        self._base = f"{tracking_url}/"

    def __call__(self, customer: int, seq: int, to: str, values: Values, at: int) -> Rendered:
        def link(purpose: int) -> str:
            return self._base + short_text(self._signer.short_code(customer, seq, purpose))

        text = self._text(values, link)
        return Rendered(text.encode(), self._signer.sign(customer, seq).reference)

    def short_codes(self, customer: int, seq: int) -> list[tuple[int, int]]:
        return [(self._signer.short_code(customer, seq, purpose), purpose) for purpose in self._purposes]


def compile_sms(content: SmsContent, reading: Reading) -> CompiledSms:
    """Raises `ContentRefused` with everything that is wrong."""
    text = reading.marked(content.text.strip(), "The text")
    if not content.allow_unicode:
        _judge_plain("".join(literal for literal, _, _ in reading.marks.split(text)), reading)
    text = reading.links.in_text(text, addresses(text))
    reading.end()
    compiled = CompiledSms(
        text, reading.marks, reading.links, reading.facts, allow_unicode=content.allow_unicode
    )
    _judge_shortest(compiled, reading)
    reading.end()
    return compiled


def _judge_plain(text: str, reading: Reading) -> None:
    """The author's own text must be plain as written: what is approved is what leaves."""
    offered = ", ".join(
        f"“{character}” → “{written}”" if written else f"“{character}” (has no plain form)"
        for character, written in replacements(text).items()
    )
    if offered:
        reading.refuse("unicode", f"Unicode is not allowed; replace {offered}.")


def _judge_shortest(compiled: CompiledSms, reading: Reading) -> None:
    """What is wrong whatever the values: with empty ones it is the shortest text that anybody can get."""
    counted = compiled.counted([""] * len(compiled.slots))
    if counted.segments > SEGMENTS_MOST:
        reading.refuse("too_long", f"The text takes more than {SEGMENTS_MOST} segments for everyone.")
    if not counted.segments and not compiled.judge_each:
        reading.refuse("body_missing", "The text is empty.")
