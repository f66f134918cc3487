"""The months of every partitioned table, ahead of time (decisions 7): a send or a receipt should never have to wait."""

from __future__ import annotations

from datetime import date

from django.db import connection

from engage.orgs import months

AHEAD = 3

_PARTITIONED = """
SELECT c.relname FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1
"""


def make_months(today: date) -> None:
    """This month and the next three, of every table that has months. Safe to repeat and to race."""
    firsts = [_plus(today, ahead) for ahead in range(AHEAD + 1)]
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONED)
        tables = [row[0] for row in cursor.fetchall()]
    for table in tables:
        months.ensure(table, firsts)


def _plus(day: date, ahead: int) -> date:
    years, month = divmod(day.month - 1 + ahead, 12)
    return date(day.year + years, month + 1, 1)
