"""The control of one value: which, with what in it. `_widget.html` draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from audiences.builder import numbers
from audiences.segments import dates
from audiences.segments.choices import Option, Source
from audiences.segments.values import Choice, Did, Kind, Number, Operator

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.registry import Facet

# The frame, what was searched for by control, and the node whose problem is about the value (empty: none is).
Around = tuple["Frame", Mapping[str, str], str]
FEW: Final = 12


@dataclass
class Widget:
    """`kind` is the control; `name` begins the names of its fields; `parts` holds the values of those with several.

    A picker shows `chosen` ticked (`known` False: no such code yet) and `found` to tick; ticks shows all `found`.
    """

    kind: str
    name: str
    label: str
    value: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict)
    chosen: Sequence[tuple[Option, bool]] = ()
    found: Sequence[tuple[Option, bool]] = ()
    options: Sequence[tuple[str, str]] = ()
    searched: str = ""
    prefix: str = ""
    takes_codes: bool = False
    problem: str = ""
    focus: bool = False

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")

    @property
    def hint(self) -> str:
        return _("Search, or paste codes") if self.takes_codes else _("Search")

    @property
    def attributes(self) -> dict[str, Any]:
        return fault(self.problem) | {"autofocus": self.focus}


def fault(node: str) -> dict[str, Any]:
    """What ties a control to the problem that its node shows."""
    return {"aria-invalid": "true", "aria-describedby": f"{node}-problem"} if node else {}


def widget(name: str, label: str, kind: Kind, operator: Operator, value: Any, around: Around) -> Widget:
    """The control of a value of this kind under this operator."""
    frame, found, problem = around
    if operator.takes == "nothing" or isinstance(kind, Did):
        return Widget("nothing", name, label)
    if isinstance(kind, Choice):
        return picker(name, label, kind.source, value or [], frame, found, problem=problem)
    if isinstance(kind, Number):
        prefix = frame.settings.currency if kind.money else ""
        if operator.takes == "range":
            ends = value if isinstance(value, dict) else {}
            parts = {end: numbers.typed(ends.get(end), kind, frame.settings) for end in ("from", "to")}
            return Widget("range", name, label, parts=parts, prefix=prefix, problem=problem)
        typed = numbers.typed(value, kind, frame.settings)
        return Widget("number", name, label, typed, prefix=prefix, problem=problem)
    if operator.takes == "many":
        return Widget("lines", name, label, "\n".join(value or []), problem=problem)
    if operator.takes == "one":
        return Widget("text", name, label, value or "", problem=problem)
    return date_widget(name, label, operator.takes, value, problem)


def date_widget(name: str, label: str, takes: str, value: Any, problem: str) -> Widget:
    """The control of a date mode."""
    if takes == "day":
        return Widget("day", name, label, str(value or ""), problem=problem)
    units = dates.PERIODS if takes == "unit" else dates.UNITS
    options = [(unit, str(words)) for unit, words in units.items()]
    parts = value if isinstance(value, dict) else {}
    return Widget(takes, name, label, parts=parts, options=options, problem=problem)


def required_choice(name: str, facet: Facet, value: Sequence[Any], frame: Frame) -> Widget:
    """A select of one: channel, class."""
    assert isinstance(facet.kind, Choice)
    assert facet.kind.source.every is not None
    options = [(str(option.key), option.label) for option in facet.kind.source.every(frame)]
    return Widget("select", name, str(facet.label).capitalize(), str(value[0]), options=options)


def picker(
    name: str,
    label: str,
    source: Source,
    value: Sequence[Any],
    frame: Frame,
    found: Mapping[str, str],
    *,
    problem: str = "",
) -> Widget:
    """Ticks where there are few to choose from, else what is chosen and a search."""
    every = source.every(frame) if source.every else []
    if every and len(every) <= FEW:
        ticks = [(option, option.key in value) for option in every]
        return Widget("ticks", name, label, found=ticks, problem=problem)
    labels = frame.labels(source, value)
    chosen = [(Option(key, labels.get(key, str(key)), str(key)), key in labels) for key in value]
    text = found.get(name, "")
    results = source.search(frame, text) if text else every[:FEW]
    return Widget(
        "picker",
        name,
        label,
        chosen=chosen,
        found=[(option, False) for option in results if option.key not in value],
        searched=text,
        takes_codes=not source.numbers and not source.strict,
        problem=problem,
    )
