"""A released row and a report about its first hand-over: who is proved to have it gets no second copy (C-23).

With the real carrier, which loses the answer to a message that it keeps. Its file says how often each row was accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from campaigns import lifecycle
from campaigns.clock import database_now
from campaigns.lifecycle import MoveRefused
from campaigns.models import ParkedReceipt, Run
from campaigns.receipts import parked, visits
from campaigns.receipts.visits import Visit
from channels.models import Sender
from channels.receipts import Kind
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import begin, drive
from tests.campaigns.send.releasing import age, key_of, let_go, lose, released, report, settled
from tests.campaigns.send.world import State, World
from tests.local.carriers import Carrier

BROWSER = Visit("GET", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0")


@pytest.fixture
def world(transactional_db: None, carrier: Carrier) -> World:
    """One person."""
    del transactional_db
    return worlds.make(carrier, 1)


def match_parked(world: World) -> int:
    return parked.match(world.org.pk, at=database_now() + timedelta(minutes=1))


def test_a_released_row_without_a_report_goes_out_once_more(world: World) -> None:
    """C-23: what an approver decided, and no more than that."""
    row = settled(world, released(world), accepted=2)
    assert (row.state, row.attempt) == (State.SENT, 2)


@pytest.mark.parametrize("kind", [Kind.DELIVERED, Kind.ACCEPTED, Kind.BOUNCED, Kind.CLICKED])
def test_a_report_that_comes_while_it_waits_cancels_the_second_hand_over(world: World, kind: Kind) -> None:
    """C-23, Q-01, M-27: whatever the report says, it proves that the carrier has the message."""
    run = released(world)
    assert report(world, run, kind=kind).events == 1
    row = settled(world, run, accepted=1)
    assert (row.state, row.reason, row.attempt) == (State.SENT, "by_report", 1)


def test_a_visit_at_our_own_door_is_such_a_report(world: World) -> None:
    """C-23: who opens it has it."""
    run = released(world)
    with org_context(world.org.pk):
        visits.note(run, key_of(world, run), BROWSER, at=database_now())
    row = settled(world, run, accepted=1)
    assert row.opened_at is not None


def test_another_senders_report_cancels_nothing(world: World) -> None:
    """C-23, H-35: nor does it hold the row back while it is parked."""
    run = released(world)
    with org_context(world.org.pk):
        other = Sender.objects.for_org(world.org).get()
        other.pk, other.name, other.is_default = None, "Other", False
        other.save()
    assert report(world, run, sender=other).parked == 1
    assert drive(world, run).status == "completed"
    assert sum(world.accepted(run).values()) == 2


def test_what_a_report_has_settled_cannot_be_released(world: World) -> None:
    """C-23"""
    run = lose(world)
    report(world, run)
    with pytest.raises(MoveRefused, match="Sent by now"):
        let_go(world, run)
    settled(world, run, accepted=1)


def test_what_a_parked_report_will_settle_cannot_be_released(world: World) -> None:
    """C-23, H-35: it overtook the row, and nobody has matched the two yet."""
    world.account.behaves(answer="lose")
    run = begin(world)
    assert report(world, run).parked == 1
    drive(world, run)
    age(world)
    with pytest.raises(MoveRefused, match="report"):
        let_go(world, run)
    assert match_parked(world) == 1
    settled(world, run, accepted=1)


def _stop(world: World, run: Run) -> None:
    with org_context(world.org.pk):
        lifecycle.stop(world.fresh(run).message, by=world.admin, at=database_now())


def _opt_out(world: World, run: Run) -> None:
    world.opt_out(world.people[0])


def _refuse(world: World, run: Run) -> None:
    world.account.behaves(answer="refuse")


@pytest.mark.parametrize("before", [True, False], ids=["report while it waits", "report afterwards"])
@pytest.mark.parametrize(
    ("leave", "becomes"),
    [
        (_stop, "cancelled/stopped"),
        (_opt_out, "skipped/unsubscribed"),
        (_refuse, "failed/address_refused"),
    ],
    ids=["stopped", "opted out", "refused"],
)
def test_whoever_leaves_the_queue_without_a_second_copy_is_sent_once_the_first_is_proved(
    world: World, leave: Callable[[World, Run], None], becomes: str, before: bool
) -> None:
    """C-23, M-27: later proof of the first hand-over counts whatever became of the release."""
    run = released(world)
    leave(world, run)
    if before:
        report(world, run)
    else:
        drive(world, run)
        assert world.states(run) == {becomes: 1}
        report(world, run)
    row = settled(world, run, accepted=1)
    assert (row.state, row.reason) == (State.SENT, "by_report")


def test_a_refusal_that_is_reported_too_stays_failed(world: World) -> None:
    """C-23, H-33: a report of a refusal is no proof of the hand-over before."""
    run = released(world)
    world.account.behaves(answer="refuse")
    drive(world, run)
    report(world, run, kind=Kind.BOUNCED)
    assert settled(world, run, accepted=1).state == State.FAILED


def test_visits_of_one_second_at_two_waiting_rows_are_both_kept(
    transactional_db: None, carrier: Carrier
) -> None:
    """H-35: their events have one name, but they are of two people."""
    del transactional_db
    world = worlds.make(carrier, 2)
    run = begin(world)
    at = database_now()
    with org_context(world.org.pk):
        for seq in (1, 2):
            visits.note(run, key_of(world, run, seq), BROWSER, at=at)
        assert ParkedReceipt.objects.for_org(world.org).count() == 2
    drive(world, run)
    assert match_parked(world) == 2
