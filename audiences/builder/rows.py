"""What the builder's templates show of a sketch: every node with its controls, count and problem."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from audiences.builder.acts import depth
from audiences.builder.widgets import Around, Widget, date_widget, fault, picker, required_choice, widget
from audiences.segments import dates, registry, sources
from audiences.segments.counting import Count, Size
from audiences.segments.tree import DEEPEST, Problem

if TYPE_CHECKING:
    from audiences.builder.sketch import Sketch
    from audiences.segments.frame import Frame
    from audiences.segments.registry import Facet, Field
    from audiences.segments.values import Operator

_PLACE: Final = re.compile(r"blocks\[(\d+)\]((?:\.items\[\d+\])*)")
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True)
class FacetRow:
    key: str
    label: str
    operators: list[tuple[str, str]]
    operator: str
    widget: Widget


@dataclass(frozen=True)
class ConditionRow:
    """`count` is None while it is not known, `problem` empty while none is shown."""

    name: str
    exclude: bool
    problem: str = ""
    focus: bool = False
    field: Field | None = None
    operators: Sequence[tuple[str, str]] = ()
    operator: str = ""
    widget: Widget | None = None
    required: Sequence[Widget] = ()
    facets: Sequence[FacetRow] = ()
    addable: Sequence[tuple[str, str]] = ()
    modes: Sequence[tuple[str, str]] = ()
    mode: str = ""
    when: Widget | None = None
    count: Size | None = None
    is_group: bool = False

    @property
    def narrows(self) -> bool:
        return bool(self.required or self.modes or self.facets or self.addable)

    @property
    def controls(self) -> list[Widget]:
        """Every control of a value, in reading order."""
        some = [self.widget, *self.required, self.when, *(facet.widget for facet in self.facets)]
        return [one for one in some if one is not None and one.kind != "nothing"]

    @property
    def field_attributes(self) -> dict[str, Any]:
        if self.field is not None:
            return {}
        return fault(self.name if self.problem else "") | {"autofocus": self.focus}

    @property
    def operator_attributes(self) -> dict[str, Any]:
        return {"autofocus": self.focus and not self.controls}


@dataclass(frozen=True)
class GroupRow:
    name: str
    match: str
    exclude: bool
    items: list[GroupRow | ConditionRow]
    deeper: bool
    problem: str = ""
    focus: bool = False
    is_group: bool = True

    @property
    def is_block(self) -> bool:
        return "-" not in self.name


class Desk:
    """Turns a sketch into rows, with the counts and problems that are known."""

    def __init__(
        self,
        frame: Frame,
        *,
        count: Count | None = None,
        problems: Iterable[Problem] = (),
        focus: str = "",
        found: Mapping[str, str] | None = None,
    ) -> None:
        self.frame = frame
        self.count = count
        self.focus = focus
        self.found = found or {}
        self.problems: dict[str, list[str]] = {}
        self.faulty: set[str] = set()
        for problem in problems:
            name, part = place_of(problem.path)
            self.problems.setdefault(name, []).append(problem.text)
            self.faulty.add(name + part)

    def blocks(self, sketch: Sketch) -> list[GroupRow]:
        return [self._group(block, f"b{at}") for at, block in enumerate(sketch["blocks"])]

    def fields(self) -> list[tuple[str, list[Field]]]:
        """The catalogue for the field's select, its groups in the reader's language."""
        return [(_(group), fields) for group, fields in registry.catalogue(self.frame)]

    def base_audiences(self, sketch: Sketch) -> Widget:
        chosen = sketch["base"]["audiences"]
        return picker("base.audiences", _("Audiences"), sources.AUDIENCES, chosen, self.frame, self.found)

    def _group(self, node: Mapping[str, Any], name: str) -> GroupRow:
        items: list[GroupRow | ConditionRow] = [
            self._group(item, f"{name}-{at}") if "items" in item else self._condition(item, f"{name}-{at}")
            for at, item in enumerate(node["items"])
        ]
        return GroupRow(
            name,
            node["match"],
            bool(node["exclude"]),
            items,
            depth(name) < DEEPEST,
            " ".join(self.problems.get(name, [])),
            self.focus == name,
        )

    def _condition(self, node: Mapping[str, Any], name: str) -> ConditionRow:
        row = ConditionRow(
            name, bool(node.get("exclude")), " ".join(self.problems.get(name, [])), self.focus == name
        )
        chosen = registry.find(node.get("field", ""), self.frame)
        if chosen is None:
            return row
        operator = operator_of(chosen.operators, node)
        where, when = node.get("where", {}), node.get("when") or {}
        narrowing = [facet for facet in chosen.facets if not facet.required]
        row = replace(
            row,
            field=chosen,
            operators=[(one.key, str(one.label)) for one in chosen.operators.values()],
            operator=operator.key,
            widget=widget(
                f"{name}.value", str(chosen.label), chosen.kind, operator, node.get("value"), self._at(name)
            ),
            required=[
                required_choice(
                    f"{name}.where.{facet.key}.value", facet, where[facet.key]["value"], self.frame
                )
                for facet in chosen.facets
                if facet.required
            ],
            facets=[self._facet(facet, where[facet.key], name) for facet in narrowing if facet.key in where],
            addable=[(facet.key, str(facet.label)) for facet in narrowing if facet.key not in where],
            modes=[(mode.key, str(mode.label)) for mode in dates.modes(chosen.dates)] if chosen.dates else [],
            mode=when.get("op", "any_time"),
            when=self._when(when, name),
            count=self.count.conditions.get(path_of(name)) if self.count else None,
        )
        if row.focus and row.controls:
            faulty = (one for one in row.controls if one.problem)
            next(faulty, row.controls[0]).focus = True
        return row

    def _at(self, name: str) -> Around:
        faulty = any(one.startswith(f"{name}.value") for one in self.faulty)
        return self.frame, self.found, name.partition(".")[0] if faulty else ""

    def _facet(self, facet: Facet, asked: Mapping[str, Any], name: str) -> FacetRow:
        at = f"{name}.where.{facet.key}"
        operator = operator_of(facet.operators, asked)
        return FacetRow(
            facet.key,
            str(facet.label),
            [(one.key, str(one.label)) for one in facet.operators.values()],
            operator.key,
            widget(f"{at}.value", str(facet.label), facet.kind, operator, asked.get("value"), self._at(at)),
        )

    def _when(self, when: Mapping[str, Any], name: str) -> Widget | None:
        mode = dates.MODES.get(when.get("op", ""))
        if mode is None:
            return None
        at = f"{name}.when"
        return date_widget(f"{at}.value", _("When"), mode.takes, when.get("value"), self._at(at)[2])


def operator_of(operators: Mapping[str, Operator], asked: Mapping[str, Any]) -> Operator:
    """The operator of a sketch; the first where it names none."""
    return operators.get(asked.get("op", "")) or next(iter(operators.values()))


def place_of(path: str) -> tuple[str, str]:
    """The node's name of a path in a tree, and the rest: `blocks[0].items[1].value` is `b0-1` and `.value`."""
    found = _PLACE.match(path)
    if found is None:
        return "", path
    return "b" + "-".join([found[1], *_NUMBER.findall(found[2])]), path[found.end() :]


def path_of(name: str) -> str:
    """The other way round."""
    first, *others = name.removeprefix("b").split("-")
    return f"blocks[{first}]" + "".join(f".items[{at}]" for at in others)


def first_fault(problems: Sequence[Problem]) -> str:
    """Where to look first, in reading order; empty for the tree as a whole."""
    places = [place_of(problem.path)[0] for problem in problems]
    inside = [place for place in places if place]
    return min(inside, key=lambda place: [int(at) for at in place[1:].split("-")], default="")


def widgets(nodes: Iterable[GroupRow | ConditionRow]) -> Iterator[Widget]:
    """Every control of a value."""
    for node in nodes:
        if isinstance(node, GroupRow):
            yield from widgets(node.items)
        else:
            yield from node.controls


def counts(nodes: Iterable[GroupRow | ConditionRow]) -> Iterator[tuple[str, Size]]:
    """The number beside each condition."""
    for node in nodes:
        if isinstance(node, GroupRow):
            yield from counts(node.items)
        elif node.count is not None:
            yield node.name, node.count
