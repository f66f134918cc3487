"""The months of partitioned tables, made by the owner's function (decisions 7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db import connection


def ensure(table: str, days: Iterable[date]) -> None:
    """Make the month of each day, with its policy, unless it is there. Safe to repeat and to race.

    Call it before the rows are written, in a transaction of its own where the table is busy.
    """
    firsts = sorted({day.replace(day=1) for day in days})
    with connection.cursor() as cursor:
        for first in firsts:
            cursor.execute("SELECT make_month(%s, %s)", [table, first])
