"""Keeping the planner's statistics near the truth while what attribution reads and writes grows.

Of a month that was empty when it was last analysed the planner knows nothing: any index that begins with the org looks
as good to it as the key, and it reads the whole org for each customer.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final

from django.db import connection

PEOPLE: Final = ("conversions_campaigncustomer",)
FACTOR: Final = 4
_GREW: Final = """
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%(names)s)
  AND pg_relation_size(oid) / current_setting('block_size')::int > %(factor)s * greatest(relpages, 1)
HAVING count(*) > 0
"""
# Each app's function is of the owner and analyses tables of that app only.
_CATCH_UP: Final = {
    "audiences": "SELECT analyze_audiences(array_agg(relname::text ORDER BY relname))" + _GREW,
    "conversions": "SELECT analyze_conversions(array_agg(relname::text ORDER BY relname))" + _GREW,
}


def read_in(day: date) -> list[str]:
    """The table of its month that a slice reads its bills from."""
    return [f"audiences_transaction_{day:%Y%m}"]


def written_in(day: date) -> list[str]:
    return [f"conversions_attribution_{day:%Y%m}", f"conversions_response_{day:%Y%m}"]


def catch_up(tables: Collection[str]) -> None:
    """Analyse those that are several times as large as when they last were. Rows of this transaction count."""
    with connection.cursor() as cursor:
        for app, statement in _CATCH_UP.items():
            names = [table for table in tables if table.startswith(f"{app}_")]
            if names:
                cursor.execute(statement, {"names": names, "factor": FACTOR})
