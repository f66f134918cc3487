"""Template logic, for orgs that switched it on (H-08, H-09): a Liquid subset, rendered for each recipient.

What comes out is author's text again: HTML is cleaned and every check made on the result, values having been
escaped before. It costs milliseconds a message where compiled content costs microseconds, so only content
that needs it comes here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TextIO

from babel.numbers import format_currency
from liquid import Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.filter import with_context
from liquid.stringify import to_liquid_string
from liquid.template import BoundTemplate

from channels.merge import Problem
from channels.tags import LANGUAGE, UNSUBSCRIBE, Kind, Tag, locale_of, major_units, writer

SECONDS_MOST = 1.0
_OUTPUT_MOST = 512 * 1024
_TAGS = ("assign", "if", "unless", "case", "for", "comment")
_INNER = ("content", "output", "illegal")  # how the library names text, `{{ }}` and stray ends
_TEXT_FILTERS = (
    "capitalize",
    "downcase",
    "upcase",
    "default",
    "truncate",
    "escape",
    "size",
    "first",
    "last",
    "join",
)
_NUMBER_FILTERS = ("round", "plus", "minus", "times", "divided_by", "date")
_PROPERTIES = ("size", "first", "last")


class ValueMissing(Exception):
    """A tag without value and fallback was to be shown; the text names it."""


class _Missing:
    """A value that is not there: false in a condition, replaced by `default`, an error where it would be
    shown.
    """

    force_liquid_default = True

    def __init__(self, name: str) -> None:
        self._name = name

    def __liquid__(self) -> None:
        return None

    def __str__(self) -> str:
        raise ValueMissing(f"“{self._name}” has no value.")


class _Int(int):
    shown: str


class _Float(float):
    shown: str


class _Date(date):
    shown: str


class _ShownNode(OutputNode):
    """Numbers, money and dates are calculated with as such, and shown in the reader's language."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        shown = getattr(value, "shown", value)
        return buffer.write(to_liquid_string(shown, context.autoescape))


class _Output(Output):
    node_class = _ShownNode


class _Subset(Environment):
    """The tags, filters and limits of the specification, and no other."""

    block_nesting_limit = 5
    loop_iteration_limit = 100
    output_stream_limit = _OUTPUT_MOST
    local_namespace_limit = 64 * 1024

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: self.tags[name] for name in (*_TAGS, *_INNER)}
        self.add_tag(_Output)
        self.filters = {name: self.filters[name] for name in (*_TEXT_FILTERS, *_NUMBER_FILTERS)}
        self.add_filter("replace", _replace)
        self.add_filter("money", _money)


def _replace(value: object, old: object, new: object = "") -> str:
    """`replace` whose result stays within the output limit."""
    text, old_text, new_text = (part if isinstance(part, str) else str(part) for part in (value, old, new))
    longest = (
        len(text) + (len(text) + 1) * len(new_text) if not old_text else text.count(old_text) * len(new_text)
    )
    if longest > _OUTPUT_MOST:
        raise FilterArgumentError("replace: the result is too long", token=None)
    return text.replace(old_text, new_text)


@with_context
def _money(value: object, *, context: RenderContext) -> str:
    currency, language = context.resolve("engage_currency"), context.resolve("engage_language")
    if not isinstance(value, int | float):
        raise FilterArgumentError("money: only a number can be money", token=None)
    return format_currency(value, str(currency), locale=locale_of(str(language), "en"))


_HTML, _TEXT = _Subset(autoescape=True), _Subset()


@dataclass(frozen=True, slots=True)
class Logic:
    """Parsed texts with logic, by field."""

    templates: Mapping[str, BoundTemplate]
    names: frozenset[str]
    slots: tuple[str, ...]
    tags: Mapping[str, Tag]
    constants: Mapping[str, str]
    language: str
    currency: str

    def rendered(self, values: Sequence[str | None], unsubscribe: str) -> dict[str, str]:
        """Every text for one recipient; `unsubscribe` stands where the opt-out link is to be.

        Raises `ValueMissing`, or `LiquidError` when a limit is passed.
        """
        begun = time.monotonic()
        known = dict(zip(self.slots, values, strict=True))
        reader = known.get(LANGUAGE) or self.language
        context: dict[str, Any] = {"engage_currency": self.currency, "engage_language": reader}
        context[UNSUBSCRIBE] = unsubscribe
        for name in (*self.slots, *self.constants):
            if name in self.tags:  # the reader's language is needed even where it is no tag
                _place(context, name, self._value(name, known.get(name) or self.constants.get(name), reader))
        texts = {field: template.render(**context) for field, template in self.templates.items()}
        if time.monotonic() - begun > SECONDS_MOST:
            raise LiquidError("the logic takes longer than a second", token=None)
        return texts

    def _value(self, name: str, value: str | None, reader: str) -> object:
        kind = self.tags[name].kind
        write = writer(kind, currency=self.currency, language=self.language)
        if not value:
            return _Missing(name)
        if write is None:
            return value
        typed: _Int | _Float | _Date
        if kind is Kind.DATE:
            typed = _Date.fromisoformat(value[:10])
        else:
            number = major_units(value, self.currency) if kind is Kind.MONEY else float(value)
            typed = _Int(number) if number == int(number) else _Float(number)
        typed.shown = write(value, reader)
        return typed


def parse(
    sources: Mapping[str, str],
    *,
    html: frozenset[str],
    tags: Mapping[str, Tag],
    constants: Mapping[str, str],
    language: str,
    currency: str,
    problems: list[Problem],
) -> Logic:
    """Parse each field's text; `html` names those whose values are escaped. What is wrong goes to `problems`."""
    templates: dict[str, BoundTemplate] = {}
    names: dict[str, None] = {}
    for field, source in sources.items():
        try:
            template = (_HTML if field in html else _TEXT).parse(source)
        except LiquidError as error:
            problems.append(Problem("broken_tag", f"The {field} has broken logic: {error.message}."))
            continue
        templates[field] = template
        problems += (
            Problem("unknown_filter", f"The {field}: “{used}” is not a filter that can be used.")
            for used in template.analyze().filters.keys() - _TEXT.filters.keys()
        )
        for segments in template.global_variable_segments():
            name = _name(segments)
            if name in tags:
                names[name] = None
            else:
                problems.append(Problem("unknown_tag", f"The {field}: “{name}” is not a merge tag."))
    own = [name for name in names if not tags[name].per_run and name != UNSUBSCRIBE]
    return Logic(
        templates=templates,
        names=frozenset(names),
        slots=tuple(dict.fromkeys([*own, LANGUAGE])),
        tags=tags,
        constants={name: constants.get(name, "") for name in names if tags[name].per_run},
        language=language,
        currency=currency,
    )


def _name(segments: Sequence[object]) -> str:
    parts = [str(segment) for segment in segments]
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] in _PROPERTIES else parts)


def _place(context: dict[str, Any], name: str, value: object) -> None:
    *outer, last = name.split(".")
    for part in outer:
        context = context.setdefault(part, {})
    context[last] = value
