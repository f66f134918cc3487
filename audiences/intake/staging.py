"""Batches on their way into tenant tables: COPY into a temporary table, then set-based statements from it.

COPY straight into a table with policies is refused (decisions 14).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def staged(
    name: str, columns: str, rows: Iterable[Sequence[Any]], only: Sequence[str] = ()
) -> Iterator[None]:
    """A temporary table `name` holding the rows, for the statements inside.

    `columns` is a literal of ours: names and types, in the order of the rows. `only` names those that the rows fill, if
    not all; the others are as their default says. None and empty text both arrive as NULL; at least two columns.
    """
    filled = f"({', '.join(only)})" if only else ""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")
        cursor.copy_expert(f"COPY {name} {filled} FROM STDIN (FORMAT csv)", buffer)
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {name}")


def execute(sql: str, **parameters: Any) -> int:
    """Run one statement; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def fetch(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def new_ids(sequence: str, count: int) -> list[int]:
    """The next numbers of a sequence of ours."""
    if not count:
        return []
    rows = fetch(
        "SELECT nextval(%(sequence)s) FROM generate_series(1, %(count)s)", sequence=sequence, count=count
    )
    return [row[0] for row in rows]


def only_one_intake(org_id: int) -> None:
    """Until the transaction ends, no other intake of this org writes: what was read before writing stays true."""
    fetch("SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", name=f"{org_id}:intake")
