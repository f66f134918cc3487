"""The filter tree as it is stored (A-31), read strictly.

Version 1 is JSON of integers, strings, lists and mappings:

    {"version": 1,
     "base": {"unit": code or null, "audiences": [version ids], "loyalty": "both" | "members" | "non_members"},
     "blocks": [GROUP, …]}                     joined by OR; none at all is the whole base
    GROUP      {"match": "all" | "any", "exclude": 0 | 1, "items": [GROUP or CONDITION, …]}
    CONDITION  {"field": key, "op": key, "value": …, "exclude": 0 | 1,
                "where": {facet: {"op": key, "value": …}}, "when": {"op": date mode, "value": …}}

Audiences are named by version, so that a tree means one thing however lists change. Reading finds every fault and names
its place.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from audiences.segments import dates, registry
from audiences.segments.registry import Facet, Field
from audiences.segments.values import BLANK, Kind, Operator, ValueRefused

if TYPE_CHECKING:
    from audiences.segments.frame import Frame

VERSION: Final = 1
DEEPEST: Final = 5
MOST_CONDITIONS: Final = 50
MATCHES: Final = ("all", "any")
LOYALTIES: Final = ("both", "members", "non_members")
# The field that names other audiences.
AUDIENCE: Final = "audience"


@dataclass(frozen=True)
class Problem:
    """What is wrong at one place of a tree; the text says what to do."""

    path: str
    text: str


class TreeRefused(ValueError):
    """A tree that cannot be read, with all its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{one.path or 'tree'}: {one.text}" for one in problems))
        self.problems = problems


@dataclass(frozen=True)
class Test:
    """A facet with its operator and value."""

    __test__ = False

    facet: Facet
    operator: Operator
    value: Any


@dataclass(frozen=True)
class When:
    mode: dates.Mode
    value: Any


@dataclass(frozen=True)
class Condition:
    field: Field
    operator: Operator
    value: Any
    exclude: bool = False
    where: Mapping[str, Test] = dataclasses.field(default_factory=dict)
    when: When | None = None
    path: str = ""

    def chosen(self, facet: str) -> str:
        """The one option of a required facet."""
        return str(self.where[facet].value[0])


@dataclass(frozen=True)
class Group:
    match: str
    items: tuple[Group | Condition, ...]
    exclude: bool = False
    path: str = ""


@dataclass(frozen=True)
class Base:
    unit: str | None = None
    audiences: tuple[int, ...] = ()
    loyalty: str = "both"


@dataclass(frozen=True)
class Tree:
    base: Base
    blocks: tuple[Group, ...] = ()

    def conditions(self) -> Iterator[Condition]:
        """Every condition, in reading order."""
        for block in self.blocks:
            yield from _conditions(block)

    def audience_versions(self) -> set[int]:
        """The versions of audiences that it names itself."""
        named = set(self.base.audiences)
        for condition in self.conditions():
            if condition.field.key == AUDIENCE:
                named |= set(condition.value)
        return named


def _conditions(node: Group | Condition) -> Iterator[Condition]:
    if isinstance(node, Condition):
        yield node
        return
    for item in node.items:
        yield from _conditions(item)


def parse(data: object, frame: Frame) -> Tree:
    """Read a stored or posted tree. Raises `TreeRefused` with every problem."""
    tree, problems = read(data, frame)
    if problems:
        raise TreeRefused(problems)
    return tree


def read(data: object, frame: Frame) -> tuple[Tree, list[Problem]]:
    """What can be read of a tree that is still being made, and what is wrong with the rest.

    A condition with any fault is left out, and a group of which nothing is left; `path` is that of the whole.
    """
    reader = _Reader(frame)
    tree = reader.tree(data)
    return tree or Tree(Base()), reader.problems


def dump(tree: Tree) -> dict[str, Any]:
    """The stored form; `parse` of it gives an equal tree."""
    base = {
        "unit": tree.base.unit,
        "audiences": list(tree.base.audiences),
        "loyalty": tree.base.loyalty,
    }
    return {"version": VERSION, "base": base, "blocks": [_dump(block) for block in tree.blocks]}


def digest(data: Mapping[str, Any]) -> str:
    """Identifies who can be in it: of the canonical JSON of a dumped tree."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _dump(node: Group | Condition) -> dict[str, Any]:
    if isinstance(node, Group):
        return {
            "match": node.match,
            "exclude": int(node.exclude),
            "items": [_dump(item) for item in node.items],
        }
    data: dict[str, Any] = {
        "field": node.field.key,
        "op": node.operator.key,
        "exclude": int(node.exclude),
    }
    if node.value is not None:
        data["value"] = node.value
    if node.where:
        data["where"] = {
            key: {"op": test.operator.key, "value": test.value} for key, test in node.where.items()
        }
    if node.when is not None and node.when.mode.letter != "L":
        data["when"] = {"op": node.when.mode.key, "value": node.when.value}
    return data


class _Reader:
    """Reads one tree and collects what is wrong with it."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.problems: list[Problem] = []
        self.count = 0

    def wrong(self, path: str, text: str) -> None:
        self.problems.append(Problem(path, text))

    def tree(self, data: object) -> Tree | None:
        known = self._mapping(data, "", {"version", "base", "blocks"})
        if known is None:
            return None
        if known.get("version") != VERSION:
            self.wrong(
                "version", _("This filter has another version than %(version)s.") % {"version": VERSION}
            )
        base = self._base(known.get("base", {}))
        blocks = known.get("blocks", [])
        if not isinstance(blocks, list):
            self.wrong("blocks", _("This is not a list of blocks."))
            blocks = []
        groups = [self._group(block, f"blocks[{at}]", 1) for at, block in enumerate(blocks)]
        if self.count > MOST_CONDITIONS:
            most = {"most": MOST_CONDITIONS, "count": self.count}
            self.wrong("", _("Use at most %(most)s conditions; there are %(count)s.") % most)
        return Tree(base, tuple(group for group in groups if group is not None))

    def _base(self, data: object) -> Base:
        known = self._mapping(data, "base", {"unit", "audiences", "loyalty"}) or {}
        unit, audiences, loyalty = (
            known.get("unit"),
            known.get("audiences", []),
            known.get("loyalty", "both"),
        )
        if unit is not None and not isinstance(unit, str):
            self.wrong("base.unit", _("Choose a unit."))
            unit = None
        if not isinstance(audiences, list) or any(
            isinstance(pk, bool) or not isinstance(pk, int) for pk in audiences
        ):
            self.wrong("base.audiences", _("Choose the audiences again."))
            audiences = []
        if loyalty not in LOYALTIES:
            self.wrong("base.loyalty", _("Choose members, non-members or both."))
            loyalty = "both"
        return Base(unit, tuple(dict.fromkeys(audiences)), str(loyalty))

    def _group(self, data: object, path: str, depth: int) -> Group | None:
        known = self._mapping(data, path, {"match", "exclude", "items"})
        if known is None:
            return None
        if depth > DEEPEST:
            self.wrong(path, _("Groups can stand at most %(deepest)s deep.") % {"deepest": DEEPEST})
            return None
        match, items = known.get("match", "all"), known.get("items")
        if match not in MATCHES:
            self.wrong(f"{path}.match", _("Choose all or any."))
        if not isinstance(items, list) or not items:
            self.wrong(path, _("Add a condition to this group, or remove the group."))
            items = []
        nodes = [self._node(item, f"{path}.items[{at}]", depth) for at, item in enumerate(items)]
        kept = tuple(node for node in nodes if node is not None)
        return Group(str(match), kept, self._exclude(known, path), path) if kept else None

    def _node(self, data: object, path: str, depth: int) -> Group | Condition | None:
        if isinstance(data, dict) and "items" in data:
            return self._group(data, path, depth + 1)
        return self._condition(data, path)

    def _condition(self, data: object, path: str) -> Condition | None:
        self.count += 1
        faults = len(self.problems)
        known = self._mapping(data, path, {"field", "op", "value", "exclude", "where", "when"})
        if known is None:
            return None
        key = known.get("field")
        if not key:
            self.wrong(f"{path}.field", _("Choose a field."))
            return None
        chosen = registry.find(key, self.frame) if isinstance(key, str) else None
        if chosen is None:
            self.wrong(f"{path}.field", _("There is no field “%(key)s” here. Choose another.") % {"key": key})
            return None
        read = self._question(chosen.kind, chosen.operators, known, path)
        where = self._where(chosen, known.get("where", {}), f"{path}.where")
        when = self._when(chosen, known.get("when"), f"{path}.when")
        exclude = self._exclude(known, path)
        if read is None or len(self.problems) > faults:
            return None
        operator, value = read
        return Condition(chosen, operator, value, exclude, where, when, path)

    def _question(
        self, kind: Kind, operators: Mapping[str, Operator], known: Mapping[str, Any], path: str
    ) -> tuple[Operator, Any] | None:
        """An operator with its value."""
        key = known.get("op")
        operator = operators.get(key) if isinstance(key, str) else None
        if operator is None:
            self.wrong(f"{path}.op", _("Choose how to compare."))
            return None
        value = known.get("value")
        if operator in BLANK:
            if value is not None:
                self.wrong(f"{path}.value", _("This comparison takes no value."))
            return operator, None
        try:
            return operator, kind.read(operator, value)
        except ValueRefused as refused:
            self.wrong(f"{path}.value", str(refused))
            return None

    def _where(self, chosen: Field, data: object, path: str) -> dict[str, Test]:
        known = self._mapping(data, path, {facet.key for facet in chosen.facets}) or {}
        tests = {}
        for facet in chosen.facets:
            at = f"{path}.{facet.key}"
            if facet.key not in known:
                if facet.required:
                    self.wrong(at, _("Choose: %(what)s.") % {"what": facet.label})
                continue
            asked = self._mapping(known[facet.key], at, {"op", "value"})
            read = self._question(facet.kind, facet.operators, asked, at) if asked is not None else None
            if read is not None:
                tests[facet.key] = Test(facet, *read)
            if read is not None and facet.required and len(read[1]) != 1:
                self.wrong(f"{at}.value", _("Choose one."))
        return tests

    def _when(self, chosen: Field, data: object, path: str) -> When | None:
        if data is None:
            return None
        known = self._mapping(data, path, {"op", "value"})
        if known is None:
            return None
        key = known.get("op")
        mode = dates.MODES.get(key) if isinstance(key, str) else None
        if mode is None or mode.letter not in chosen.dates:
            self.wrong(f"{path}.op", _("Choose when."))
            return None
        try:
            value = dates.read(mode, known.get("value"))
        except dates.DateRefused as refused:
            self.wrong(f"{path}.value", str(refused))
            return None
        return None if mode.letter == "L" else When(mode, value)

    def _exclude(self, known: Mapping[str, Any], path: str) -> bool:
        exclude = known.get("exclude", 0)
        if exclude not in (0, 1):
            self.wrong(f"{path}.exclude", _("Choose include or exclude."))
        return bool(exclude)

    def _mapping(self, data: object, path: str, keys: set[str]) -> dict[str, Any] | None:
        if not isinstance(data, dict):
            self.wrong(path, _("This part of the filter cannot be read."))
            return None
        unknown = sorted(str(key) for key in data if key not in keys)
        if unknown:
            self.wrong(
                path, _("Remove what does not belong here: %(names)s.") % {"names": ", ".join(unknown)}
            )
        return data
