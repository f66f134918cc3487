"""What became of a Sent Delivery."""

from __future__ import annotations

from itertools import combinations

import pytest
from django.db import connection

from channels.outcome import OUTCOME_SQL, DeliveryOutcome, outcome
from channels.protocol import Receipts
from channels.receipts import Kind

DELIVERED, NOT = DeliveryOutcome.DELIVERED, DeliveryOutcome.NOT_DELIVERED


@pytest.mark.parametrize(
    ("kinds", "receipts", "gave_up", "expected"),
    [
        ({"opened", "bounced"}, "full", False, DELIVERED),
        ({"clicked", "expired"}, "full", False, DELIVERED),
        ({"replied"}, "none", False, DELIVERED),
        ({"unsubscribed", "undelivered"}, "full", False, DELIVERED),
        ({"complained", "bounced"}, "bounces", False, DELIVERED),
        ({"bounced", "delivered"}, "full", False, NOT),
        ({"undelivered"}, "full", False, NOT),
        ({"expired"}, "full", False, NOT),
        ({"soft_bounced"}, "full", True, NOT),
        ({"soft_bounced"}, "full", False, DeliveryOutcome.IN_FLIGHT),
        ({"soft_bounced", "delivered"}, "full", False, DELIVERED),
        ({"delivered"}, "none", False, DELIVERED),
        (set(), "bounces", False, DELIVERED),
        ({"bounced"}, "bounces", False, NOT),
        (set(), "none", False, DeliveryOutcome.NO_REPORT),
        (set(), "full", False, DeliveryOutcome.IN_FLIGHT),
        ({"accepted", "deferred"}, "full", False, DeliveryOutcome.IN_FLIGHT),
    ],
)
def test_the_first_line_that_applies_decides(
    kinds: set[str], receipts: str, *, gave_up: bool, expected: DeliveryOutcome
) -> None:
    """H-36"""
    assert outcome(kinds, Receipts(receipts), gave_up=gave_up) is expected


def test_the_rule_in_sql_is_the_rule_in_python(db: None) -> None:
    """H-36, Q-23: on every set of events, whatever its order."""
    sets = [list(some) for size in range(5) for some in combinations([kind.value for kind in Kind], size)]
    asked = [
        (kinds, receipts, gave_up) for kinds in sets for receipts in Receipts for gave_up in (False, True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {OUTCOME_SQL} FROM unnest(%(kinds)s::text[], %(receipts)s::text[], %(gave_up)s::boolean[]) "
            "WITH ORDINALITY AS given (joined, receipts, gave_up, place), "
            "LATERAL (SELECT string_to_array(joined, ',') AS kinds) AS split ORDER BY place",
            {
                "kinds": [",".join(kinds) for kinds, _, _ in asked],
                "receipts": [receipts.value for _, receipts, _ in asked],
                "gave_up": [gave_up for _, _, gave_up in asked],
            },
        )
        found = [row[0] for row in cursor.fetchall()]

    assert found == [outcome(kinds, receipts, gave_up=gave_up).value for kinds, receipts, gave_up in asked]
    assert len(found) > 4000
