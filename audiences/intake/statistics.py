"""Keeping the planner's statistics near the truth while an org's tables grow.

They know nothing of an org whose first rows just came: the planner then takes any index that begins with the org for as
good as the key, and reads the whole org for every batch. So tables are analysed each time an intake has doubled what
it wrote.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

from django.db import connection

from audiences.intake.answers import Answer, Verdict
from audiences.intake.fields import Kind

FIRST: Final = 10_000
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
    """Counts what an intake writes and analyses its tables at 10,000, 20,000, 40,000 … records."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._written = 0
        self._next = FIRST

    def add(self, answers: Sequence[Answer], months: Collection[date]) -> None:
        """Call after a batch is committed. `months` are those met so far."""
        self._written += sum(answer.verdict in (Verdict.CREATED, Verdict.UPDATED) for answer in answers)
        if self._written >= self._next:
            self._next = 2 * self._written
            self._analyze(months)

    def _analyze(self, months: Collection[date]) -> None:
        names = [f"audiences_{table}" for table in _TABLES.get(self.kind, ())]
        names += [
            f"audiences_{table}_{month:%Y%m}"
            for table in _MONTHLY.get(self.kind, ())
            for month in sorted(months)
        ]
        with connection.cursor() as cursor:
            cursor.execute("SELECT analyze_audiences(%(names)s)", {"names": names})
