"""Statements that a lane repeats with every window, planned once a database session.

Planning them anew took longer than running them. Safe behind a transaction pooler: the first look of each transaction
asks the session that it got which statements it knows, and what is missing is prepared there.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

_LOOK = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
       ARRAY(SELECT name FROM pg_prepared_statements WHERE starts_with(name, 'engage_'))
"""
_here = threading.local()


class Statement:
    """SQL with named parameters, and the PostgreSQL type of each. A generic plan must suit it."""

    def __init__(self, sql: str, **types: str) -> None:
        text = sql % {name: f"${number}" for number, name in enumerate(types, start=1)}
        self.name = f"engage_{blake2b(f'{text}{types}'.encode(), digest_size=10).hexdigest()}"
        self._prepare = f"PREPARE {self.name} ({', '.join(types.values())}) AS {text}"
        self._execute = f"EXECUTE {self.name} ({', '.join(f'%({name})s' for name in types)})"

    def run(self, cursor: CursorWrapper, params: Mapping[str, Any]) -> None:
        """Call in a transaction that `look` has begun."""
        known: set[str] = _here.known
        if self.name not in known:
            cursor.execute(self._prepare)
            known.add(self.name)
        cursor.execute(self._execute, params)


def look() -> None:
    """Learn what this transaction's session knows; plans are not made anew for each execution."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK)
        _here.known = set(cursor.fetchone()[1])
