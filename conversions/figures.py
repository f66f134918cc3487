"""The sums that reports read, moved by what each slice of customers changed.

Within the slice's transaction the people are summed before and after; the difference is added. Integers, so nothing
drifts, and a slice that is done again adds zero. `rebuild` sums everything anew.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import connection
from psycopg2.extras import execute_values

from conversions.models import ArmFigures
from conversions.statements import SUMS, SUMS_OF_CUSTOMERS, SUMS_OF_PAIRS

COLUMNS: Final = (
    "targeted", "contacted", "sent_control", "delivered", "opened", "clicked", "responders", "bills", "sales",
    "squares", "converted", "conversions", "conversion_value", "slot_converted", "slot_conversions", "slot_value",
)  # fmt: skip
Sums = dict[tuple[int, int], tuple[int, ...]]

_ADD = f"""
INSERT INTO conversions_armfigures AS f (org_id, campaign_id, arm, computed_at, {", ".join(COLUMNS)})
VALUES %s
ON CONFLICT (org_id, campaign_id, arm) DO UPDATE
SET computed_at = excluded.computed_at, {", ".join(f"{name} = f.{name} + excluded.{name}" for name in COLUMNS)}
"""


def of_pairs(org_id: int, customers: list[int], campaigns: list[int]) -> Sums:
    """(campaign, arm) → sums over these (customer, campaign), in the order of `COLUMNS`."""
    return _sums(SUMS_OF_PAIRS, org=org_id, customers=customers, campaigns=campaigns)


def of_customers(org_id: int, customers: list[int]) -> Sums:
    """The same over all that these customers are in."""
    return _sums(SUMS_OF_CUSTOMERS, org=org_id, customers=customers)


def add_difference(org_id: int, before: Sums, after: Sums, *, at: datetime) -> None:
    """Move the org's figures from `before` to `after`."""
    nothing = (0,) * len(COLUMNS)
    rows = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, nothing), after.get(key, nothing)
        if old != new:
            rows.append((org_id, *key, at, *(b - a for a, b in zip(old, new, strict=True))))
    if rows:
        with connection.cursor() as cursor:
            execute_values(cursor, _ADD, rows)


def rebuild(org_id: int, *, at: datetime) -> int:
    """Sum everything anew; returns how many rows were wrong (0 unless somebody wrote past us)."""
    fresh = _sums(SUMS, org=org_id)
    stored: Sums = {
        (row.campaign_id, row.arm): tuple(int(getattr(row, name)) for name in COLUMNS)
        for row in ArmFigures.objects.for_org(org_id).select_for_update()
    }
    add_difference(org_id, stored, fresh, at=at)
    return sum(
        1
        for key in stored.keys() | fresh.keys()
        if any(stored.get(key, ())) and stored.get(key) != fresh.get(key)
    )


def _sums(statement: str, **params: Any) -> Sums:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return {(row[0], row[1]): tuple(int(value) for value in row[2:]) for row in cursor.fetchall()}
