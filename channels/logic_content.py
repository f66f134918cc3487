"""Content with template logic, seen through the same interface as compiled content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import unescape

from liquid.exceptions import LiquidError

from channels import logic
from channels.email.plain import addresses
from channels.links import Link, Piece
from channels.merge import ContentRefused, Problem, unquoted
from channels.reading import RenderedReading
from channels.rendering import Compiled, Preview, Rendered, Renderer, RunFacts, Values
from channels.tags import UNSUBSCRIBE, samples
from channels.tokens import SHORT_UNSUBSCRIBE, RunSigner

_HREF = re.compile(r"""\bhref\s*=\s*(?:"(https?://[^"{}]+)"|'(https?://[^'{}]+)')""", re.IGNORECASE)
Build = Callable[[Mapping[str, str], RenderedReading], Compiled]


class CompiledLogic:
    """Renders, cleans and checks for each recipient; `build` compiles the texts that come out."""

    judge_each = True
    required: tuple[str, ...] = ()  # which values are needed depends on the others

    def __init__(self, parsed: logic.Logic, links: Iterable[str], facts: RunFacts, build: Build) -> None:
        self._logic = parsed
        self._known = {href: number for number, href in enumerate(links)}
        self._facts = facts
        self._build = build
        self.slots = parsed.slots
        self.links = tuple(
            Link(number, (Piece(href),), facts.utm)
            for href, number in self._known.items()
            if facts.track_links
        )
        shown = self.compiled(samples(facts.tags, parsed.slots))
        self.removed = shown.removed
        self.warnings = shown.warnings

    def compiled(self, values: Values) -> Compiled:
        """The content of one recipient. Raises `ContentRefused`."""
        reading = RenderedReading(self._facts, self._known)
        try:
            texts = self._logic.rendered(values, reading.unsubscribe)
        except (logic.ValueMissing, LiquidError) as error:
            told = error.message if isinstance(error, LiquidError) else error
            raise ContentRefused([Problem("logic", str(told))]) from error
        return self._build(texts, reading)

    def problem(self, values: Values) -> str | None:
        try:
            return self.compiled(values).problem(())
        except ContentRefused as refused:
            return str(refused)

    def renderer(self, signer: RunSigner) -> Renderer:
        return _LogicRenderer(self, signer)

    def preview(self, values: Values) -> Preview:
        return self.compiled(values).preview(())

    def short_codes(self, signer: RunSigner, customer: int, seq: int) -> list[tuple[int, int]]:
        """Every code that a text may hold, whatever its branches show."""
        purposes = [link.number for link in self.links]
        if UNSUBSCRIBE in self._logic.names:
            purposes.append(SHORT_UNSUBSCRIBE)
        return [(signer.short_code(customer, seq, purpose), purpose) for purpose in purposes]


class _LogicRenderer:
    def __init__(self, content: CompiledLogic, signer: RunSigner) -> None:
        self._content = content
        self._signer = signer

    def __call__(self, customer: int, seq: int, to: str, values: Values, at: int) -> Rendered:
        """Only for values that `problem` passed; others raise `ContentRefused`."""
        return self._content.compiled(values).renderer(self._signer)(customer, seq, to, (), at)

    def short_codes(self, customer: int, seq: int) -> list[tuple[int, int]]:
        return self._content.short_codes(self._signer, customer, seq)


def compile_logic(
    sources: Mapping[str, str], html: frozenset[str], facts: RunFacts, build: Build
) -> CompiledLogic:
    """Raises `ContentRefused`, also when the content cannot be shown with the tags' samples."""
    problems: list[Problem] = []
    texts = {field: unquoted(text) if field in html else text for field, text in sources.items()}
    parsed = logic.parse(
        texts,
        html=html,
        tags=facts.tags,
        constants=facts.constants,
        language=facts.language,
        currency=facts.currency,
        problems=problems,
    )
    if problems:
        raise ContentRefused(problems)
    links = dict.fromkeys(href for field, text in texts.items() for href in _links(text, html=field in html))
    return CompiledLogic(parsed, links, facts, build)


def _links(text: str, *, html: bool) -> list[str]:
    """The web addresses that the author wrote out; one put together by logic is not tracked."""
    if html:
        return [unescape(found[1] or found[2]).strip() for found in _HREF.finditer(text)]
    return [text[begin:end] for begin, end in addresses(text) if not re.search("[{}]", text[begin:end])]
