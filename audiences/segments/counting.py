"""How many customers a filter finds (A-36): exact up to 100,000 in the base, above it an estimate with its error.

The estimate counts one customer in 64, always the same ones, so that numbers do not dance between two looks. What
takes longer than it may is stopped by the database and said so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from psycopg2.errors import QueryCanceled

from audiences.segments import compiler
from audiences.segments.compiler import Parts
from audiences.segments.frame import Frame
from audiences.segments.sql import SAMPLE, SAMPLE_SHARE, restrict
from audiences.segments.tree import Tree

EXACT_BELOW: Final = 100_000
# A page waits two seconds at most; "Count exactly" may take longer.
PATIENCE: Final = 5_000
LONG_PATIENCE: Final = 60_000
_Z: Final = 1.96


class TooSlow(Exception):
    """The count was stopped; the filter itself is fine."""


@dataclass(frozen=True)
class Size:
    """A number of customers; with `low` and `high` it is an estimate, and they hold 95 times in 100."""

    n: int
    low: int | None = None
    high: int | None = None

    @property
    def exact(self) -> bool:
        return self.low is None


@dataclass(frozen=True)
class Count:
    """How many a tree finds, out of how many it starts from, and how many each condition finds in them by itself."""

    size: Size
    base: Size
    at: datetime
    conditions: Mapping[str, Size] = field(default_factory=dict)


def count(tree: Tree, frame: Frame, *, exactly: bool = False) -> Count:
    """Count a tree within `PATIENCE`. `exactly` also counts a large base exactly and takes its time.

    Raises `TooSlow`, and `TreeRefused` for an audience that is gone.
    """
    parts = compiler.take_apart(tree, frame)
    with patience(LONG_PATIENCE if exactly else PATIENCE):
        if _base_is_small(tree, frame):
            return _counted(parts, frame, sample=False)
        estimate = _counted(parts, frame, sample=True)
        if not exactly:
            return estimate
        query = compiler.customers(tree, frame)
        row = _fetch(f"SELECT count(*) FROM ({query.sql}) found", query.params)
        return Count(Size(row[0]), estimate.base, frame.at, estimate.conditions)


def estimated(sampled: int) -> Size:
    """From how many of the sample to how many of all.

    Each customer is in the sample with the same chance p = 1/64, so the number sampled of n is binomial; the interval
    holds those n for which it is not further than z deviations away.
    """
    middle = SAMPLE_SHARE * sampled
    slack = _Z * _Z * (SAMPLE_SHARE - 1) / 2
    reach = math.sqrt(slack * slack + 2 * slack * middle)
    low = max(sampled, math.floor(middle + slack - reach))
    return Size(middle, low, math.ceil(middle + slack + reach))


@contextmanager
def patience(milliseconds: int) -> Iterator[None]:
    """Let the database stop what takes longer; the work inside is undone and `TooSlow` raised."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            former = cursor.fetchone()[0]
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            yield
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [former])
    except OperationalError as failure:
        if isinstance(failure.__cause__, QueryCanceled):
            raise TooSlow from None
        raise


def _base_is_small(tree: Tree, frame: Frame) -> bool:
    base = compiler.customers(Tree(tree.base), frame)
    (found,) = _fetch(f"SELECT count(*) FROM ({base.sql} LIMIT {EXACT_BELOW + 1}) base", base.params)
    return bool(found <= EXACT_BELOW)


def _counted(parts: Parts, frame: Frame, *, sample: bool) -> Count:
    """The tree, its base and each of its conditions in one pass, so that the numbers belong together."""
    filters = [parts.matches or "true", *parts.conditions.values()]
    columns = ", ".join(f"count(*) FILTER (WHERE {one})" for one in filters)
    sql = f"SELECT count(*), {columns}\n{parts.source}\nWHERE {parts.base}"
    numbers = _fetch(restrict(sql, SAMPLE if sample else ""), parts.params | frame.params)
    sizes = [estimated(number) if sample else Size(number) for number in numbers]
    return Count(sizes[1], sizes[0], frame.at, dict(zip(parts.conditions, sizes[2:], strict=True)))


def _fetch(sql: str, params: Mapping[str, Any]) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[int, ...] = cursor.fetchone()
        return row
