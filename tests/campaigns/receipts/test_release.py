"""An approver sends an Unconfirmed row once more, knowing that the customer may get it twice (C-23)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns import lifecycle, release
from campaigns.lifecycle import MoveRefused
from campaigns.models import Delivery, Message, Retry, Run
from engage.orgs.access import NotAllowed
from engage.orgs.founding import add_unit
from engage.orgs.models import AuditEntry, DueWork, Org
from tests import factories
from tests.campaigns import factories as made
from tests.campaigns.receipts.ledgers import SENT_AT, Ledger, State, ledger_of

AN_HOUR_LATER = SENT_AT + timedelta(minutes=61)


@pytest.fixture
def ledger(inside: Org) -> Ledger:
    """Two rows, one of them Unconfirmed; the run is over."""
    found = ledger_of(inside, 2, sent=False)
    found.append(1, state=State.UNCONFIRMED, reason="no_answer")
    found.append(2)
    lifecycle.complete(found.run, at=SENT_AT)
    return found


def test_a_released_row_is_queued_again_and_the_run_reopens(ledger: Ledger) -> None:
    """C-23, M-27, T-31"""
    approver = factories.member(ledger.org, "approver")
    release.release(ledger.run, 1, by=made.access(approver, ledger.org), at=AN_HOUR_LATER)
    assert not Delivery.objects.for_org(ledger.org).filter(run_id=ledger.run.pk, seq=1).exists()
    waiting = Retry.objects.for_org(ledger.org).get(run_id=ledger.run.pk)
    assert (waiting.seq, waiting.announced, waiting.reason) == (1, False, "released")
    progress = ledger.progress()
    assert (progress.unconfirmed, progress.queued, progress.handing_over, progress.sent) == (0, 1, 0, 1)
    assert progress.adds_up
    assert ledger.findings() == []
    assert Run.objects.for_org(ledger.org).get(pk=ledger.run.pk).status == Run.Status.SENDING
    assert Message.objects.for_org(ledger.org).get(pk=ledger.message.pk).status == Message.Status.SENDING
    assert DueWork.objects.filter(org=ledger.org, kind="send").exists()
    entry = AuditEntry.objects.for_org(ledger.org).get(action="delivery.released")
    assert entry.after == {"seq": 1, "customer": ledger.people[1]}


def test_only_an_hour_later(ledger: Ledger) -> None:
    """C-23"""
    approver = made.access(factories.member(ledger.org, "approver"), ledger.org)
    with pytest.raises(MoveRefused, match="an hour"):
        release.release(ledger.run, 1, by=approver, at=SENT_AT + timedelta(minutes=59))
    assert ledger.row(1).state == State.UNCONFIRMED


@pytest.mark.parametrize("role", ["marketer", "ops", "analyst"])
def test_only_an_approver(ledger: Ledger, role: str) -> None:
    """C-23, T-12"""
    member = made.access(factories.member(ledger.org, role), ledger.org)
    with pytest.raises(NotAllowed):
        release.release(ledger.run, 1, by=member, at=AN_HOUR_LATER)


def test_only_in_scope(ledger: Ledger) -> None:
    """T-08: the campaign is the org's, the approver is bound to a unit."""
    unit = add_unit(ledger.org, name="North", code="north", by=None, at=SENT_AT)
    bound = made.access(factories.member(ledger.org, "approver", units=[unit]), ledger.org)
    with pytest.raises(NotAllowed):
        release.release(ledger.run, 1, by=bound, at=AN_HOUR_LATER)


def test_only_what_is_unconfirmed_and_only_once(ledger: Ledger) -> None:
    """C-23, Q-01"""
    approver = made.access(factories.member(ledger.org, "approver"), ledger.org)
    with pytest.raises(MoveRefused, match="Sent"):
        release.release(ledger.run, 2, by=approver, at=AN_HOUR_LATER)
    release.release(ledger.run, 1, by=approver, at=AN_HOUR_LATER)
    with pytest.raises(MoveRefused, match="released already"):
        release.release(ledger.run, 1, by=approver, at=AN_HOUR_LATER)


def test_not_from_a_stopped_run(inside: Org) -> None:
    """C-19, C-44: once stopped, nothing more leaves."""
    ledger = ledger_of(inside, 1, sent=False)
    ledger.append(1, state=State.UNCONFIRMED, reason="no_answer")
    admin = factories.member(inside, "admin")
    lifecycle.stop(ledger.message, by=admin, at=SENT_AT)
    with pytest.raises(MoveRefused, match="Stopped"):
        release.release(ledger.run, 1, by=made.access(admin, inside), at=AN_HOUR_LATER)
