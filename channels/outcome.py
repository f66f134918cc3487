"""What became of a Sent Delivery, from the set of its events (H-36): order and repeats change nothing.

The same rule twice, for one row in Python and for many in SQL; a test holds them equal on every set.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from channels.protocol import Receipts

REACHED = frozenset({"opened", "clicked", "replied", "unsubscribed", "complained"})
FAILED = frozenset({"bounced", "undelivered", "expired"})


class DeliveryOutcome(StrEnum):
    IN_FLIGHT = "in_flight"
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"
    NO_REPORT = "no_report"


def outcome(kinds: Collection[str], receipts: Receipts, *, gave_up: bool = False) -> DeliveryOutcome:
    """`gave_up`: the provider stopped trying after soft bounces, or was silent about them for too long."""
    if REACHED & set(kinds):
        return DeliveryOutcome.DELIVERED
    if FAILED & set(kinds) or gave_up:
        return DeliveryOutcome.NOT_DELIVERED
    if "delivered" in kinds or receipts is Receipts.BOUNCES:
        return DeliveryOutcome.DELIVERED
    return DeliveryOutcome.NO_REPORT if receipts is Receipts.NONE else DeliveryOutcome.IN_FLIGHT


# Reads `kinds` (text[]), `receipts` (text) and `gave_up` (boolean) of whatever row it stands beside.
OUTCOME_SQL = """
CASE
    WHEN kinds && '{opened,clicked,replied,unsubscribed,complained}'::text[] THEN 'delivered'
    WHEN kinds && '{bounced,undelivered,expired}'::text[] OR gave_up THEN 'not_delivered'
    WHEN 'delivered' = ANY (kinds) OR receipts = 'bounces' THEN 'delivered'
    WHEN receipts = 'none' THEN 'no_report'
    ELSE 'in_flight'
END
"""
