"""Reports that come late, early, about strangers, or prove what nobody knew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audiences.models import Customer
from campaigns import receipts
from campaigns.clock import database_now
from campaigns.models import Delivery, ParkedReceipt
from campaigns.receipts import parked
from channels.receipts import Receipt
from engage.orgs.models import DueWork, Org
from engage.orgs.tenancy import org_context
from tests.campaigns.receipts.ledgers import SENT_AT, State, ledger_of, reports

LATER = SENT_AT + timedelta(hours=1)
Outcome = Delivery.Outcome


def test_a_report_turns_unconfirmed_into_sent(inside: Org) -> None:
    """H-37, C-23, M-27: dated by the proof; the states go on adding up."""
    ledger = ledger_of(inside, 2, sent=False)
    ledger.append(1, 2, state=State.UNCONFIRMED, reason="no_answer")
    receipts.apply(ledger.sender, reports(ledger.receipt("delivered", after=20)), at=LATER)
    row = ledger.row()
    assert (row.state, row.outcome, row.reason) == (State.SENT, Outcome.DELIVERED, "by_report")
    assert row.sent_at == row.state_at == SENT_AT + timedelta(seconds=20)
    progress = ledger.progress()
    assert (progress.sent, progress.unconfirmed, progress.delivered, progress.queued) == (1, 1, 1, 0)
    assert progress.adds_up
    assert ledger.findings() == []


def test_an_earlier_proof_that_comes_later_dates_the_acceptance(inside: Org) -> None:
    """H-37, Q-23"""
    ledger = ledger_of(inside, sent=False)
    ledger.append(1, state=State.UNCONFIRMED, reason="no_answer")
    for kind, after in (("delivered", 90), ("accepted", 5)):
        receipts.apply(ledger.sender, reports(ledger.receipt(kind, after=after)), at=LATER)
    assert ledger.row().sent_at == SENT_AT + timedelta(seconds=5)


@pytest.mark.parametrize("state", [State.FAILED, State.SKIPPED, State.HELD_OUT, State.CANCELLED])
def test_a_report_moves_no_row_that_was_never_handed_over(inside: Org, state: int) -> None:
    """C-23: the other states are final; the event is kept."""
    ledger = ledger_of(inside, sent=False)
    ledger.append(1, state=state, reason="" if state == State.HELD_OUT else "stopped")
    receipts.apply(ledger.sender, reports(ledger.receipt("delivered")), at=LATER)
    row = ledger.row()
    assert (row.state, row.outcome, row.delivered_at) == (state, None, None)
    assert len(ledger.events()) == 1
    assert ledger.findings() == []


def test_a_report_that_overtakes_the_ledger_is_parked_and_matched(inside: Org) -> None:
    """H-35"""
    ledger = ledger_of(inside, sent=False)
    early = reports(ledger.receipt("delivered", event_id="early"))
    assert receipts.apply(ledger.sender, early, at=LATER).parked == 1
    assert receipts.apply(ledger.sender, early, at=LATER).events == 0
    assert ParkedReceipt.objects.for_org(inside).count() == 1
    assert DueWork.objects.filter(org=inside, kind=parked.DUE).exists()
    assert parked.match(inside.pk, at=LATER) == 0
    ledger.append(1)
    assert parked.match(inside.pk, at=LATER) == 1
    assert not ParkedReceipt.objects.for_org(inside).exists()
    assert ledger.row().outcome == Outcome.DELIVERED
    assert ledger.events()[0].received_at == LATER
    assert ledger.findings() == []


def test_steady_parking_does_not_push_the_next_round_away(inside: Org) -> None:
    """H-35: reports that overtake their rows all day long are matched all day long."""
    ledger = ledger_of(inside, sent=False)
    for seconds in range(0, 60, 5):
        at = LATER + timedelta(seconds=seconds)
        receipts.apply(ledger.sender, reports(ledger.receipt("delivered")), at=at)
    assert DueWork.objects.get(org=inside, kind=parked.DUE).due_at == LATER + parked.SOON


def test_a_report_that_never_fits_is_tried_hourly_and_then_no_more(inside: Org) -> None:
    """H-35"""
    ledger = ledger_of(inside, sent=False)
    receipts.apply(ledger.sender, reports(ledger.receipt("delivered")), at=LATER)
    rows = ParkedReceipt.objects.for_org(inside)

    def tried(after: timedelta) -> int:
        parked.match(inside.pk, at=LATER + after)
        return rows.get().tries

    assert [tried(timedelta(minutes=n)) for n in range(parked.EAGER_TRIES + 3)][-1] == parked.EAGER_TRIES
    assert tried(timedelta(minutes=61)) == parked.EAGER_TRIES + 1
    assert tried(timedelta(minutes=90)) == parked.EAGER_TRIES + 1
    assert tried(timedelta(hours=2, minutes=1)) == parked.EAGER_TRIES + 2
    assert tried(timedelta(days=31)) == parked.EAGER_TRIES + 2
    ledger.append(1)
    assert parked.match(inside.pk, at=LATER + timedelta(hours=4)) == 1


def test_an_unknown_reference_is_parked_not_believed(inside: Org) -> None:
    """H-35"""
    ledger = ledger_of(inside)
    reference = ledger.reference()
    altered = reference[:-1] + ("0" if reference[-1] != "0" else "1")
    for number, name in enumerate((altered, "", "hello")):
        strange = Receipt(f"x{number}", ledger.receipt("bounced").kind, name, "id", SENT_AT, "", "", "{}")
        assert receipts.apply(ledger.sender, reports(strange), at=LATER).parked == 1
    assert parked.match(inside.pk, at=LATER) == 0
    assert ledger.row().outcome == Outcome.IN_FLIGHT


def test_another_orgs_reference_reaches_nobody(org: Org, other_org: Org) -> None:
    """Q-09: the provider of one org reports about a delivery of another."""
    with org_context(org.pk):
        theirs = ledger_of(org)
    with org_context(other_org.pk):
        mine = ledger_of(other_org)
        applied = receipts.apply(mine.sender, reports(theirs.receipt("bounced")), at=LATER)
        assert (applied.events, applied.parked) == (0, 1)
        assert parked.match(other_org.pk, at=LATER) == 0
    with org_context(org.pk):
        assert theirs.row().outcome == Outcome.IN_FLIGHT
        assert theirs.events() == []


def test_a_senders_reports_are_no_proof_about_another_senders_delivery(inside: Org) -> None:
    """Q-22"""
    ledger = ledger_of(inside)
    other = ledger_of(inside, sent=False).sender
    applied = receipts.apply(other, reports(ledger.receipt("bounced")), at=LATER)
    assert (applied.events, applied.parked) == (0, 1)
    assert ledger.row().outcome == Outcome.IN_FLIGHT


def test_a_report_finds_what_was_merged(inside: Org) -> None:
    """A-02: the loser's deliveries are the survivor's now."""
    ledger = ledger_of(inside, 2)
    receipt = ledger.receipt("delivered", 1)
    loser, survivor = ledger.people[1], ledger.people[2]
    Customer.objects.for_org(inside).filter(id=loser).update(merged_into=survivor)
    Delivery.objects.for_org(inside).filter(seq=1, run_id=ledger.run.pk).update(customer_id=survivor)
    assert receipts.apply(ledger.sender, reports(receipt), at=LATER).events == 1
    assert ledger.row(1).outcome == Outcome.DELIVERED
    assert ledger.row(2).outcome == Outcome.IN_FLIGHT
    assert ledger.events(1)[0].customer_id == survivor


def test_a_time_that_cannot_be_is_refused(inside: Org) -> None:
    """H-35: it would date an anchor, and make a month, that never was."""
    ledger = ledger_of(inside)
    for after in (-9 * 86_400, 40 * 86_400):
        applied = receipts.apply(ledger.sender, reports(ledger.receipt("delivered", after=after)), at=LATER)
        assert applied.events == 0
        assert "cannot be" in applied.unreadable[0]
    assert ledger.row().delivered_at is None


def test_late_anchors_are_found_by_the_servers_clock(inside: Org) -> None:
    """G-20: attribution looks for changed anchors by the time they were written, never by the provider's."""
    ledger = ledger_of(inside)
    Delivery.objects.for_org(inside).filter(run_id=ledger.run.pk).update(anchors_changed_at=SENT_AT)
    receipts.apply(ledger.sender, reports(ledger.receipt("accepted")), at=LATER)
    assert ledger.row().anchors_changed_at == SENT_AT
    receipts.apply(ledger.sender, reports(ledger.receipt("opened", after=7)), at=LATER)
    assert abs(ledger.row().anchors_changed_at - database_now()) < timedelta(minutes=1)


def test_a_soft_bounce_is_given_up_after_three_days_of_silence(inside: Org) -> None:
    """H-36, H-39"""
    ledger = ledger_of(inside)
    soft = reports(ledger.receipt("soft_bounced", code="mailbox_full"))
    receipts.apply(ledger.sender, soft, at=LATER)
    row = ledger.row()
    assert (row.outcome, row.outcome_reason) == (Outcome.IN_FLIGHT, "mailbox_full")
    receipts.age(inside.pk, at=SENT_AT + timedelta(days=2))
    assert ledger.row().outcome == Outcome.IN_FLIGHT
    receipts.age(inside.pk, at=SENT_AT + timedelta(days=4))
    row = ledger.row()
    assert (row.outcome, row.outcome_reason) == (Outcome.NOT_DELIVERED, "mailbox_full")
    assert ledger.progress().reasons["sent"] == {"mailbox_full": 1}
    assert ledger.findings() == []


def test_a_week_of_silence_is_named(inside: Org) -> None:
    """H-39: the row stays In flight, its reason says that nothing came."""
    ledger = ledger_of(inside)
    receipts.age(inside.pk, at=SENT_AT + timedelta(days=8))
    row = ledger.row()
    assert (row.outcome, row.outcome_reason) == (Outcome.IN_FLIGHT, "no_final_report")
    receipts.apply(ledger.sender, reports(ledger.receipt("delivered")), at=SENT_AT + timedelta(days=8))
    row = ledger.row()
    assert (row.outcome, row.outcome_reason) == (Outcome.DELIVERED, "")
    assert ledger.findings() == []
