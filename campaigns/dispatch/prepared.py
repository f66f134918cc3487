"""Statements that a lane repeats with every window, planned once a database session.

Planning them anew took longer than running them. What a session knows is remembered with the connection, so a new
connection begins with nothing. A lane also looks at the beginning of each transaction, because a transaction pooler may
have given it another session; what is missing there is prepared there. PostgreSQL itself plans anew when a table, its
statistics, a policy or the role changes, and a policy reads its org when the statement runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection
from django.db.backends.utils import CursorWrapper

_LOOK = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
       ARRAY(SELECT name FROM pg_prepared_statements WHERE starts_with(name, 'engage_'))
"""
# psycopg2's connection → the names that its session knows.
_known: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


class Statement:
    """SQL with named parameters, and the PostgreSQL type of each. A generic plan must suit it."""

    def __init__(self, sql: str, **types: str) -> None:
        text = sql % {name: f"${number}" for number, name in enumerate(types, start=1)}
        self.name = f"engage_{blake2b(f'{text}{types}'.encode(), digest_size=10).hexdigest()}"
        self._prepare = f"PREPARE {self.name} ({', '.join(types.values())}) AS {text}"
        self._execute = f"EXECUTE {self.name} ({', '.join(f'%({name})s' for name in types)})"

    def run(self, cursor: CursorWrapper, params: Mapping[str, Any]) -> None:
        known = _known.get(connection.connection)
        if known is None:
            known = look()
        if self.name not in known:
            cursor.execute(self._prepare)
            known.add(self.name)
        cursor.execute(self._execute, params)


def look() -> set[str]:
    """Learn what this transaction's session knows; until it ends, plans are not made anew for each execution."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK)
        known = _known[connection.connection] = set(cursor.fetchone()[1])
    return known
