"""What reports teach about addresses, and whom they opt out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences.models import AddressOptOut, ContactPoint, Subscription
from campaigns import receipts
from campaigns.models import ReceiptDay, Run
from engage.orgs.models import Org
from tests.campaigns.receipts.ledgers import SENT_AT, Ledger, ledger_of, reports

LATER = SENT_AT + timedelta(hours=1)
State = ContactPoint.State


@pytest.fixture
def ledger(inside: Org) -> Ledger:
    return ledger_of(inside)


def contact(ledger: Ledger) -> ContactPoint:
    return ContactPoint.objects.for_org(ledger.org).get(customer_id=ledger.people[1])


@pytest.mark.parametrize(
    ("kind", "code", "state"),
    [
        ("delivered", "", State.VALID),
        ("opened", "", State.VALID),
        ("bounced", "unknown_user", State.HARD_BOUNCED),
        ("bounced", "domain_invalid", State.HARD_BOUNCED),
        ("bounced", "blocked_operator", State.UNPROVEN),
        ("soft_bounced", "mailbox_full", State.SOFT_BOUNCED),
        ("expired", "", State.SOFT_BOUNCED),
        ("accepted", "", State.UNPROVEN),
    ],
)
def test_reports_teach_about_the_address(ledger: Ledger, kind: str, code: str, state: str) -> None:
    """A-10, H-39"""
    receipts.apply(ledger.sender, reports(ledger.receipt(kind, code=code)), at=LATER)
    assert contact(ledger).state == state


def test_a_repeated_soft_bounce_counts_once(ledger: Ledger) -> None:
    """A-10, Q-23: five in a row are five reports, not one report five times."""
    soft = reports(ledger.receipt("soft_bounced", event_id="once"))
    for _ in range(6):
        receipts.apply(ledger.sender, soft, at=LATER)
    assert contact(ledger).soft_bounces == 1


def test_a_complaint_opts_the_address_out(ledger: Ledger) -> None:
    """H-37, A-08"""
    receipts.apply(ledger.sender, reports(ledger.receipt("complained")), at=LATER)
    said = Subscription.objects.for_org(ledger.org).get(customer_id=ledger.people[1])
    assert (said.value, said.source, said.message_class) == (False, "complaint", "promotional")
    assert AddressOptOut.objects.for_org(ledger.org).filter(key=contact(ledger).key, channel="email").exists()
    assert ledger.progress().reasons["sent"] == {"complaint": 1}


def test_unsubscribing_at_the_provider_opts_out(ledger: Ledger) -> None:
    """Q-14: by any path."""
    receipts.apply(ledger.sender, reports(ledger.receipt("unsubscribed")), at=LATER)
    assert Subscription.objects.for_org(ledger.org).get(customer_id=ledger.people[1]).value is False


def test_the_delay_of_reports_is_kept_by_day(ledger: Ledger) -> None:
    """M-38"""
    receipts.apply(
        ledger.sender, reports(ledger.receipt("delivered", after=0)), at=SENT_AT + timedelta(seconds=10)
    )
    receipts.apply(
        ledger.sender, reports(ledger.receipt("opened", after=0)), at=SENT_AT + timedelta(seconds=30)
    )
    day = ReceiptDay.objects.for_org(ledger.org).get(sender_id=ledger.sender.pk)
    assert (day.reports, day.timed, day.delay_seconds, day.slowest_seconds) == (2, 2, 40, 30)
    Run.objects.for_org(ledger.org).update(simulated=True)
    receipts.apply(ledger.sender, reports(ledger.receipt("clicked", after=0)), at=LATER)
    day.refresh_from_db()
    assert (day.reports, day.timed, day.slowest_seconds) == (3, 2, 30)
