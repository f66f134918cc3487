"""Pieces of SQL with their parameters.

Every text is a literal of ours; what a user typed is in `params`. Two words stand in braces until a whole filter is
compiled: `{c}` is the condition's own join, `{only t.customer_id}` a restriction to some customers (a sample, a slice)
that must reach into every subquery.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_NAME: Final = re.compile(r"%\((\w+)\)s")
_ONLY: Final = re.compile(r"\{only ([\w.]+)\}")

# The fixed sample of A-36: one customer in 64, by a hash, so that no order of arrival can bias it.
SAMPLE_SHARE: Final = 64
SAMPLE: Final = "(hashint8({id}) & 63) = 0"


@dataclass(frozen=True)
class Part:
    """A boolean (or a SELECT) and the parameters that it names. `%(org)s` is common to all parts."""

    sql: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def named(self, prefix: str) -> Part:
        """The same with its parameters under other names, so that parts can stand in one statement."""
        return Part(rename(self.sql, prefix), {prefix + name: value for name, value in self.params.items()})


@dataclass(frozen=True)
class Fragment:
    """What one condition adds to a filter.

    `where` is a boolean over `customer`, and over `{c}` where `join` is given: a SELECT of `customer_id` (once each)
    and more. `profile` asks for the customer's profile row as `profile`.
    """

    where: str
    params: Mapping[str, Any] = field(default_factory=dict)
    join: str = ""
    profile: bool = False


def rename(sql: str, prefix: str) -> str:
    """Put a prefix before every named parameter but the org's."""
    return _NAME.sub(
        lambda found: found[0] if found[1] == "org" else f"%({prefix}{found[1]})s",
        sql,
    )


def restrict(sql: str, only: str) -> str:
    """Settle `{only …}`: nothing, or `only` (a boolean over `{id}`) for each customer id that stands there."""
    return _ONLY.sub(lambda found: f" AND {only.replace('{id}', found[1])}" if only else "", sql)


def together(parts: Iterable[Part], word: str = "AND") -> Part:
    """Several parts as one boolean. They must not share parameter names."""
    known = list(parts)
    params: dict[str, Any] = {}
    for part in known:
        params |= part.params
    return Part(f" {word} ".join(f"({part.sql})" for part in known), params)
