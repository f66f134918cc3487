"""From a tree to one parametrised SELECT of customer ids.

Conditions on a customer's own row are booleans; those on what a customer did are one aggregated join each, so that AND,
OR and exclude combine plain booleans and nothing is planned as a subquery a row. Logic has two values (A-32): what is
missing makes a comparison untrue, and only `exclude` must say so, because AND and OR of untrue and unknown end alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from audiences.segments.frame import Frame
from audiences.segments.sql import Part, rename, restrict
from audiences.segments.tree import Base, Condition, Group, Problem, Tree, TreeRefused, parse

PREFIX: Final = "sel_"

_PROFILE = (
    "LEFT JOIN audiences_profile profile ON profile.org_id = %(org)s AND profile.customer_id = customer.id"
)
_IN_UNIT = """EXISTS (
    SELECT FROM audiences_customerunit belongs
    WHERE belongs.org_id = %(org)s AND belongs.customer_id = customer.id
      AND belongs.unit_id = (
          SELECT unit.id FROM orgs_orgunit unit WHERE unit.org_id = %(org)s AND unit.code = %(unit)s))"""
_LISTED = """SELECT member.customer_id FROM audiences_listmember member
WHERE member.org_id = %(org)s AND member.version_id = ANY(%(lists)s){only member.customer_id}"""


@dataclass(frozen=True)
class Query:
    """A SELECT with its parameters, ready to run or to stand in another statement. `org` is among them."""

    sql: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Parts:
    """A compiled tree before it is put together. `{only …}` still stands in `source`."""

    source: str
    base: str
    matches: str
    conditions: dict[str, str]
    params: dict[str, Any]


def customers(tree: Tree, frame: Frame, *, only: str = "") -> Query:
    """`SELECT customer_id` of every customer in the tree; merged customers are in none.

    `only` is a boolean over `{id}` that restricts the search to some customers, such as `sql.SAMPLE`.
    """
    parts = take_apart(tree, frame)
    return Query(restrict(_select(parts), only), parts.params | frame.params)


def _select(parts: Parts) -> str:
    where = f"{parts.base} AND ({parts.matches})" if parts.matches else parts.base
    return f"SELECT customer.id AS customer_id\n{parts.source}\nWHERE {where}"


def take_apart(tree: Tree, frame: Frame) -> Parts:
    """Compile a tree to its parts, with the boolean of each condition by its path."""
    work = _Work(frame)
    base = work.base(tree.base)
    matches = " OR ".join(work.group(block) for block in tree.blocks)
    joins = [*([_PROFILE] if work.profile else []), *work.joins]
    source = "\n".join(["FROM audiences_customer customer", *joins])
    return Parts(source, base, matches, work.conditions, work.params)


class _Work:
    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.joins: list[str] = []
        self.params: dict[str, Any] = {}
        self.conditions: dict[str, str] = {}
        self.profile = False
        self.number = 0

    def base(self, base: Base) -> str:
        tests = ["customer.org_id = %(org)s AND customer.merged_into IS NULL{only customer.id}"]
        if base.unit is not None:
            tests.append(self._own(Part(_IN_UNIT, {"unit": base.unit})))
        if base.loyalty != "both":
            tests.append(f"customer.loyalty_member IS {'NOT ' if base.loyalty == 'non_members' else ''}TRUE")
        if base.audiences:
            joined = self._join(members(base.audiences, self.frame))
            tests.append(f"{joined}.customer_id IS NOT NULL")
        return " AND ".join(tests)

    def group(self, group: Group) -> str:
        word = " AND " if group.match == "all" else " OR "
        inner = word.join(
            self.group(item) if isinstance(item, Group) else self.condition(item) for item in group.items
        )
        return f"(({inner}) IS NOT TRUE)" if group.exclude else f"({inner})"

    def condition(self, condition: Condition) -> str:
        fragment = condition.field.compile(condition, self.frame)
        prefix, alias = self._next()
        self.profile |= fragment.profile
        if fragment.join:
            self._add_join(rename(fragment.join, prefix), alias)
        self._take(fragment.params, prefix)
        where = rename(fragment.where, prefix).replace("{c}", alias)
        test = f"(({where}) IS NOT TRUE)" if condition.exclude else f"({where})"
        self.conditions[condition.path] = test
        return test

    def _own(self, part: Part) -> str:
        prefix, _ = self._next()
        self._take(part.params, prefix)
        return f"({rename(part.sql, prefix)})"

    def _join(self, part: Part) -> str:
        prefix, alias = self._next()
        self._take(part.params, prefix)
        self._add_join(rename(part.sql, prefix), alias)
        return alias

    def _add_join(self, select: str, alias: str) -> None:
        self.joins.append(f"LEFT JOIN (\n{select}\n) {alias} ON {alias}.customer_id = customer.id")

    def _next(self) -> tuple[str, str]:
        self.number += 1
        return f"{PREFIX}{self.number}_", f"c{self.number}"

    def _take(self, params: Mapping[str, Any], prefix: str) -> None:
        self.params |= {prefix + name: value for name, value in params.items()}


def members(version_ids: Iterable[int], frame: Frame) -> Part:
    """A SELECT of whoever is in any of these versions, each customer once: listed in a file, or found by a filter now.

    A filter's own restriction is left to the statement around it. Raises `TreeRefused` for a version that is gone.
    """
    ids = list(version_ids)
    versions = frame.versions(ids)
    if len(versions) < len(ids):
        raise TreeRefused([Problem("", _("An audience that this filter names no longer exists."))])
    selects, params = [], {}
    lists = [version.pk for version in versions if version.tree is None]
    if lists:
        selects.append(_LISTED)
        params["lists"] = lists
    for number, version in enumerate(version for version in versions if version.tree is not None):
        parts = take_apart(parse(version.tree, frame), frame)
        found = Part(_select(parts), parts.params).named(f"f{number}_")
        selects.append(found.sql)
        params |= found.params
    if len(lists) > 1 and len(selects) == 1:
        return Part(_LISTED.replace("SELECT", "SELECT DISTINCT", 1), params)
    return Part("\nUNION\n".join(selects), params)
