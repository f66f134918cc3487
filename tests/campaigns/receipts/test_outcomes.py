"""What the set of a delivery's events makes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns import receipts
from campaigns.models import Delivery
from engage.orgs.models import Org
from tests.campaigns.receipts.ledgers import SENT_AT, State, ledger_of, reports

LATER = SENT_AT + timedelta(hours=1)
Outcome = Delivery.Outcome


def test_a_delivered_row_is_delivered_at_the_providers_time(inside: Org) -> None:
    """H-35, H-36, M-10, G-16"""
    ledger = ledger_of(inside)
    applied = receipts.apply(ledger.sender, reports(ledger.receipt("delivered", after=30)), at=LATER)
    row = ledger.row()
    assert applied.events == 1
    assert (row.state, row.outcome) == (State.SENT, Outcome.DELIVERED)
    assert row.delivered_at == SENT_AT + timedelta(seconds=30)
    assert row.sent_at == SENT_AT
    assert ledger.progress().delivered == 1
    assert ledger.findings() == []


@pytest.mark.parametrize(
    ("kinds", "outcome", "reason"),
    [
        (["accepted"], Outcome.IN_FLIGHT, ""),
        (["deferred"], Outcome.IN_FLIGHT, ""),
        (["delivered"], Outcome.DELIVERED, ""),
        (["delivered", "bounced"], Outcome.NOT_DELIVERED, "unknown_user"),
        (["bounced", "opened"], Outcome.DELIVERED, ""),
        (["undelivered"], Outcome.NOT_DELIVERED, "unreachable"),
        (["expired"], Outcome.NOT_DELIVERED, "expired"),
        (["soft_bounced"], Outcome.IN_FLIGHT, "temporary"),
        (["soft_bounced", "delivered"], Outcome.DELIVERED, ""),
        (["replied"], Outcome.DELIVERED, ""),
        (["complained"], Outcome.DELIVERED, "complaint"),
        (["clicked"], Outcome.DELIVERED, ""),
    ],
)
def test_the_first_line_that_applies_decides(
    inside: Org, kinds: list[str], outcome: int, reason: str
) -> None:
    """H-36, H-39"""
    ledger = ledger_of(inside)
    receipts.apply(ledger.sender, reports(*(ledger.receipt(kind) for kind in kinds)), at=LATER)
    row = ledger.row()
    assert (row.outcome, row.outcome_reason) == (outcome, reason)
    assert (row.delivered_at is not None) == (outcome == Outcome.DELIVERED)
    assert ledger.findings() == []
