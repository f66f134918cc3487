"""From text with merge tags to literal parts and slots (H-06, H-07).

Only `{{ tag }}` and `{{ tag | default: "text" }}` are read here. What stands between is never template text
again: a value that looks like a tag stays what it is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import unescape

from liquid import Environment
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError

from channels.tags import UNSUBSCRIBE, Tag


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why content cannot be used, with what to do. `code` groups them on the checklist (C-25)."""

    code: str
    text: str


class ContentRefused(Exception):
    """The content cannot be compiled; `problems` says all that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(problem.text for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a value. `constant` is the value when it is the same for the whole run."""

    tag: Tag
    fallback: str = ""
    constant: str | None = None


Part = str | Slot

_LIQUID = Environment()
_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def unquoted(html: str) -> str:
    """Rich-text editors write the quotes inside a tag as entities; here they are quotes again."""
    return _BRACES.sub(lambda found: unescape(found[0]), html)


def read(
    source: str, where: str, *, tags: Mapping[str, Tag], constants: Mapping[str, str], problems: list[Problem]
) -> list[Part]:
    """The parts of `source`; what is wrong is added to `problems`, named by `where` ("The subject")."""
    try:
        nodes = _LIQUID.parse(source).nodes
    except LiquidError as error:
        problems.append(Problem("broken_tag", f"{where} has a broken merge tag: {error.message}."))
        return []
    parts: list[Part] = []
    for node in nodes:
        if isinstance(node, ContentNode):
            parts.append(node.text)
            continue
        try:
            parts.append(_slot(node, tags, constants))
        except _Unreadable as unreadable:
            problems.append(Problem(unreadable.code, f"{where}: {unreadable}"))
    return parts


class _Unreadable(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _slot(node: Node, tags: Mapping[str, Tag], constants: Mapping[str, str]) -> Slot:
    expression = node.expression if isinstance(node, OutputNode) else None
    if not (isinstance(expression, FilteredExpression) and isinstance(expression.left, Path)):
        raise _Unreadable(
            "logic_off", f"“{_shown(node)}” is template logic, which is switched off for this company."
        )
    name = str(expression.left)
    tag = tags.get(name)
    if tag is None:
        raise _Unreadable("unknown_tag", f"“{_shown(node)}” is not a merge tag; choose one from the list.")
    fallback = _fallback(expression.filters or [], node)
    constant = (constants.get(name) or fallback) if tag.per_run else None
    if tag.per_run and not constant:
        raise _Unreadable(
            "missing_value", f"“{name}” has no value; set it in the settings or give the tag a fallback."
        )
    return Slot(tag, fallback, constant)


def _fallback(filters: list[Filter], node: Node) -> str:
    if not filters:
        return ""
    (first, *more) = filters
    value = first.args[0].value if len(first.args) == 1 else None
    if more or first.name != "default" or not isinstance(value, StringLiteral):
        raise _Unreadable("unknown_filter", f'“{_shown(node)}” may only be followed by | default: "a text".')
    return value.value


def _shown(node: Node) -> str:
    text = str(node).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "…"


class Marks:
    """Stands slots and links into HTML or text as plain words, so that parsers and sanitisers carry them
    along.

    The words hold a random part: nobody can write one by hand.
    """

    def __init__(self) -> None:
        self._nonce = secrets.token_hex(6)
        self.pattern = re.compile(f"qz{self._nonce}([a-z])(\\d+)z")
        self._slots: list[Slot] = []

    def word(self, kind: str, number: int) -> str:
        return f"qz{self._nonce}{kind}{number}z"

    def slot_number(self, slot: Slot) -> int:
        if slot not in self._slots:
            self._slots.append(slot)
        return self._slots.index(slot)

    def slot(self, number: int) -> Slot:
        return self._slots[number]

    def marked(self, parts: Iterable[Part], literal: Callable[[str], str] = str) -> str:
        """`parts` as one text: slots as marks of the kind `s`, the opt-out tag as `x`, the author's text by
        `literal`.

        Constants are marked too: they are values, not text of the author.
        """
        return "".join(literal(part) if isinstance(part, str) else self._mark(part) for part in parts)

    def _mark(self, slot: Slot) -> str:
        return self.word("x", 0) if slot.tag.name == UNSUBSCRIBE else self.word("s", self.slot_number(slot))

    def split(self, text: str) -> Iterable[tuple[str, str, int]]:
        """`text` as (literal, kind, number) triples; the last has the kind "" and no number."""
        at = 0
        for found in self.pattern.finditer(text):
            yield text[at : found.start()], found[1], int(found[2])
            at = found.end()
        yield text[at:], "", -1
