"""The catalogue of fields (A-29): each app registers those of the data that it owns, when it is ready.

A field says how it is shown (label, group, operators, facets, dates) and how it becomes SQL; the builder's form, the
sentence, the reader and the compiler know nothing of any one field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from audiences.segments.sql import Fragment, Part
from audiences.segments.values import Kind, Operator

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition

Compile = Callable[["Condition", "Frame"], Fragment]

# The order in which the builder lists the groups; others follow.
GROUPS: Final = (
    "Profile",
    "Identifier",
    "Attributes",
    "Channels",
    "Audiences",
    "Purchases",
    "Products",
    "Campaigns",
)


@dataclass(frozen=True)
class Facet:
    """What narrows the transactions or messages that a condition counts.

    `narrow` turns operator and value into a boolean over the rows counted; None where the field reads the facet itself.
    A `required` one is part of the question and stands at `default` (one option of a choice) until changed.
    """

    key: str
    label: Any
    kind: Kind
    narrow: Callable[[Operator, Any, Frame], Part] | None = None
    required: bool = False
    default: str = ""

    @property
    def operators(self) -> Mapping[str, Operator]:
        return {operator.key: operator for operator in self.kind.operators(blank=False)}


@dataclass(frozen=True)
class Field:
    """One thing that can be asked of a customer.

    `key` stands in stored trees and never changes. `missing`: the value can be missing, so blank can be asked. `dates`:
    the letters of the date modes that narrow what is counted (A-27); empty where none do. `phrase` begins its words in
    a sentence.
    """

    key: str
    label: Any
    group: str
    kind: Kind
    compile: Compile
    facets: tuple[Facet, ...] = ()
    dates: str = ""
    missing: bool = True
    phrase: Any = ""
    help: Any = ""
    _operators: dict[str, Operator] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._operators.update(
            {operator.key: operator for operator in self.kind.operators(blank=self.missing)}
        )

    @property
    def operators(self) -> Mapping[str, Operator]:
        return self._operators

    def facet(self, key: str) -> Facet | None:
        return next((facet for facet in self.facets if facet.key == key), None)


_fields: dict[str, Field] = {}
# Fields that depend on what an org declared.
_families: dict[str, Callable[[str, Frame], Field | None]] = {}
_members: list[Callable[[Frame], list[Field]]] = []


def register(*fields: Field) -> None:
    """Add fields to the catalogue. A key is taken once."""
    for one in fields:
        if one.key in _fields:
            raise ValueError(f"the field {one.key} is registered twice")
        _fields[one.key] = one


def register_family(
    prefix: str, find: Callable[[str, Frame], Field | None], every: Callable[[Frame], list[Field]]
) -> None:
    """Add fields that an org declares itself; their keys are `prefix:name`."""
    if prefix in _families:
        raise ValueError(f"the fields {prefix} are registered twice")
    _families[prefix] = find
    _members.append(every)


def find(key: str, frame: Frame) -> Field | None:
    """The field of this key in this org; None when there is none."""
    prefix, colon, name = key.partition(":")
    if colon:
        family = _families.get(prefix)
        return family(name, frame) if family else None
    return _fields.get(key)


def catalogue(frame: Frame) -> list[tuple[str, list[Field]]]:
    """Every field of the org by group, in the order of the builder."""
    every = [*_fields.values(), *(one for members in _members for one in members(frame))]
    groups: dict[str, list[Field]] = {group: [] for group in GROUPS}
    for one in every:
        groups.setdefault(one.group, []).append(one)
    return [(group, fields) for group, fields in groups.items() if fields]
