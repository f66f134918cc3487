"""What the compilers of all channels share: what they are given, what they give back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from channels.links import Link
from channels.merge import Marks, Slot
from channels.tags import LANGUAGE, Tag, writer
from channels.tokens import RunSigner
from channels.utm import Utm

Values = Sequence[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a compiler needs besides content and sender; the same for everybody in a run.

    `constants` holds the canonical values of tags that are the same for the whole run. `clock_shift`
    (seconds) is for simulated runs through the sandbox carrier only, and travels in the message.
    """

    tags: Mapping[str, Tag]
    constants: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    currency: str = "USD"
    tracking_url: str
    track_links: bool = True
    track_opens: bool = True
    utm: Utm | None = None
    promotional: bool = True
    legal_name: str = ""
    postal_address: str = ""
    clock_shift: int = 0
    logic: bool = False


class Rendered(NamedTuple):
    body: bytes
    reference: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as its receiver sees it; links lead to their targets, nothing is tracked."""

    subject: str
    html: str
    text: str


class Renderer(Protocol):
    """Turns one recipient into a message; made once a run."""

    def __call__(self, customer: int, seq: int, to: str, values: Values, at: int) -> Rendered:
        """`values` in the order of `Compiled.slots`; `at` is the time of hand-over in seconds since 1970."""

    def short_codes(self, customer: int, seq: int) -> list[tuple[int, int]]:
        """(code, purpose) of every short link in the message, to be stored before it leaves."""


class Compiled(Protocol):
    """Content that can be sent."""

    @property
    def slots(self) -> tuple[str, ...]:
        """The tags whose canonical values a recipient carries, in this order."""

    @property
    def required(self) -> tuple[str, ...]:
        """Slots without a fallback: an empty value is that customer's `content_error`."""

    @property
    def judge_each(self) -> bool:
        """Whether a value can break a limit, so that `problem` must be asked for each customer."""

    @property
    def links(self) -> tuple[Link, ...]: ...

    @property
    def removed(self) -> tuple[str, ...]:
        """What foreign HTML lost (H-13)."""

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def problem(self, values: Values) -> str | None:
        """Why this customer's message cannot go (`content_error`), None when it can."""

    def renderer(self, signer: RunSigner) -> Renderer: ...

    def preview(self, values: Values) -> Preview: ...


class SlotTable:
    """The slots of a content: which values it needs, and how each is written."""

    def __init__(self, marks: Marks, facts: RunFacts, texts: Iterable[str]) -> None:
        self._marks = marks
        self._facts = facts
        used = [
            marks.slot(number)
            for text in texts
            for _, kind, number in marks.split(text)
            if kind in SLOT_KINDS
        ]
        open_slots = [slot for slot in used if slot.constant is None]
        names = dict.fromkeys(slot.tag.name for slot in open_slots)
        if any(self._writer(slot) for slot in open_slots):
            names[LANGUAGE] = None
        self.names = tuple(names)
        self.required = tuple(dict.fromkeys(slot.tag.name for slot in open_slots if not slot.fallback))
        self._language = self.names.index(LANGUAGE) if LANGUAGE in names else -1

    def reader(self, number: int) -> Callable[[Values], str]:
        """A function that takes the text of a slot out of a recipient's values."""
        slot = self._marks.slot(number)
        if slot.constant is not None:
            text = self._constant(slot)
            return lambda _values: text
        index, fallback, language = self.names.index(slot.tag.name), slot.fallback, self._language
        write = self._writer(slot)
        if write is None:
            return lambda values: values[index] or fallback

        def written(values: Values) -> str:
            value = values[index]
            return write(value, values[language] or "") if value else fallback

        return written

    def constant(self, number: int) -> str | None:
        slot = self._marks.slot(number)
        return None if slot.constant is None else self._constant(slot)

    def missing(self, values: Values) -> str | None:
        """The first required tag without a value."""
        return next((name for name in self.required if not values[self.names.index(name)]), None)

    def _constant(self, slot: Slot) -> str:
        value = slot.constant or ""
        write = self._writer(slot)
        return write(value, self._facts.language) if write and value != slot.fallback else value

    def _writer(self, slot: Slot) -> Callable[[str, str], str] | None:
        return writer(slot.tag.kind, currency=self._facts.currency, language=self._facts.language)


# Kinds of marks that stand for a slot: as text, inside an address, as a whole address.
SLOT_KINDS = frozenset("suw")
