"""Keeping the planner's statistics near the truth while an org's tables grow.

They know nothing of an org whose first rows just came: the planner then takes any index that begins with the org for as
good as the key, and reads the whole org for every batch, or for every row whose reference is checked. So an intake
analyses the tables it fills: early when they were empty, then each time it wrote four times as much.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

from django.db import connection

from audiences.intake.answers import Answer, Verdict
from audiences.intake.fields import Kind

SMALL: Final = 500
FIRST: Final = 10_000
FACTOR: Final = 4
_TABLES: Final = {
    Kind.CUSTOMERS: (
        "customer", "externalref", "addressref", "contactpoint", "subscription", "customerunit", "attributevalue",
    ),
    Kind.TRANSACTIONS: ("externalref", "profile", "customerunit"),
    Kind.PRODUCTS: ("product",),
}  # fmt: skip
_MONTHLY: Final = {
    Kind.TRANSACTIONS: ("transaction", "transactionline"),
    Kind.LINES: ("transactionline",),
}


class Growth:
    """Counts what an intake writes; analyses its tables at 10,000, 40,000, 160,000 … records, empty ones early."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._written = 0
        self._next = FIRST

    def add(self, answers: Sequence[Answer], months: Collection[date]) -> None:
        """Call after a batch is committed. `months` are those met so far."""
        self._written += sum(answer.verdict in (Verdict.CREATED, Verdict.UPDATED) for answer in answers)
        if self._written >= self._next:
            self._next = FACTOR * self._written
            self._analyze(months)
        elif self._written >= SMALL and self._next == FIRST and self._was_empty():
            self._analyze(months)

    def _was_empty(self) -> bool:
        """Whether the planner believes that next to nothing is in the table that this kind fills."""
        tables = _TABLES.get(self.kind)
        if not tables:
            return False
        with connection.cursor() as cursor:
            name = f"audiences_{tables[0]}"
            cursor.execute(
                "SELECT reltuples < %(few)s FROM pg_class WHERE relname = %(name)s",
                {"few": SMALL, "name": name},
            )
            return bool(cursor.fetchone()[0])

    def _analyze(self, months: Collection[date]) -> None:
        names = [f"audiences_{table}" for table in _TABLES.get(self.kind, ())]
        names += [
            f"audiences_{table}_{month:%Y%m}"
            for table in _MONTHLY.get(self.kind, ())
            for month in sorted(months)
        ]
        with connection.cursor() as cursor:
            cursor.execute("SELECT analyze_audiences(%(names)s)", {"names": names})
