"""A report about a released row, and whoever holds the row at that moment: every order of their commits (C-23, Q-01).

The lanes' books are used by hand here, so that a row can be announced and not begun for as long as a test wants.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from campaigns import release, verify
from campaigns.clock import database_now
from campaigns.dispatch import claims
from campaigns.dispatch import work as works
from campaigns.dispatch.books import Ask, Books
from campaigns.dispatch.claims import Again
from campaigns.dispatch.feed import Row
from campaigns.lifecycle import MoveRefused
from campaigns.models import Delivery, Run
from campaigns.receipts import parked
from engage.orgs.tenancy import org_context
from tests.campaigns import factories as made
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import drive, end_leases, lane
from tests.campaigns.send.releasing import let_go, lose, released, report, settled, told
from tests.campaigns.send.world import State, World
from tests.local.carriers import Carrier, until

Aside = Callable[[Callable[[], Any]], Future[Any]]


@pytest.fixture
def world(transactional_db: None, carrier: Carrier) -> World:
    """One person."""
    del transactional_db
    return worlds.make(carrier, 1)


def books_of(world: World, run: Run) -> Books:
    with org_context(world.org.pk):
        return Books(works.load(world.org.pk, run.pk), "a lane")


def announce(books: Books) -> list[Row]:
    return books.turn(Ask(announce=5)).rows


def give_back(books: Books, rows: list[Row], *, tries: int = 0) -> None:
    """As a halted lane does with what it had not begun, or one whose carrier said "later"."""
    again = [(row, Again(row.seq, row.attempt + tries, 0.0, "")) for row in rows]
    books.turn(Ask(again=again, leaving=True, halted=True))


@pytest.fixture
def aside() -> Iterator[Aside]:
    """Does things in a thread, on a connection of its own."""

    def one(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hand:
        yield lambda call: hand.submit(one, call)


def waits_for_a_lock() -> bool:
    """Whether some session of this database waits for a row that another holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid IN "
            "(SELECT pid FROM pg_stat_activity WHERE datname = current_database()))"
        )
        return bool(cursor.fetchone()[0])


def test_a_report_between_the_announcement_and_the_first_byte_is_kept(world: World) -> None:
    """C-23, H-35: the second copy may have left, and there is no third."""
    run = released(world)
    books = books_of(world, run)
    assert len(announce(books)) == 1
    assert report(world, run).parked == 1
    end_leases(world)
    drive(world, run)
    assert world.states(run) == {"unconfirmed/no_answer": 1}
    assert parked.match(world.org.pk, at=database_now()) == 1
    row = settled(world, run, accepted=1)
    assert (row.state, row.reason, row.attempt) == (State.SENT, "by_report", 2)


@pytest.mark.parametrize("tries", [0, 1], ids=["not begun", "put off"])
def test_what_was_announced_and_comes_back_is_not_announced_again(world: World, tries: int) -> None:
    """C-23, Q-01, H-34: the second copy is proven not to have left, the first is proven to have."""
    run = released(world)
    books = books_of(world, run)
    rows = announce(books)
    assert report(world, run).parked == 1
    give_back(books, rows, tries=tries)
    assert lane(world, run).reason == "idle"
    assert parked.match(world.org.pk, at=database_now()) == 1
    assert settled(world, run, accepted=1).state == State.SENT


def test_a_lane_passes_by_a_row_that_a_report_holds(world: World, aside: Aside) -> None:
    """C-23, Q-01"""
    run = released(world)
    books = books_of(world, run)
    with org_context(world.org.pk):
        assert told(world, run).events == 1
        assert aside(lambda: announce(books)).result(30) == []
    assert settled(world, run, accepted=1).state == State.SENT


def test_a_report_waits_for_a_lane_that_announces_the_row_and_is_parked(world: World, aside: Aside) -> None:
    """C-23, H-35"""
    run = released(world)
    key = books_of(world, run).key
    with org_context(world.org.pk):
        assert len(claims.announce_retries(key, "a lane", 5)) == 1
        late = aside(lambda: report(world, run))
        until(waits_for_a_lock, "the report's wait")
    assert late.result(30).parked == 1


def test_who_gives_a_row_back_waits_until_the_report_about_it_is_parked(world: World, aside: Aside) -> None:
    """C-23, Q-01: or the next lane would announce the row and see no report."""
    run = released(world)
    books = books_of(world, run)
    rows = announce(books)
    with org_context(world.org.pk):
        assert told(world, run).parked == 1
        back = aside(lambda: give_back(books, rows))
        until(waits_for_a_lock, "the lane's wait")
    back.result(30)
    assert announce(books_of(world, run)) == []
    assert parked.match(world.org.pk, at=database_now()) == 1
    settled(world, run, accepted=1)


def test_a_release_waits_for_a_report_and_is_refused(world: World, aside: Aside) -> None:
    """C-23"""
    run = lose(world)
    with org_context(world.org.pk):
        assert told(world, run).events == 1
        late = aside(lambda: let_go(world, run))
        until(waits_for_a_lock, "the release's wait")
    with pytest.raises(MoveRefused, match="Sent by now"):
        late.result(30)
    settled(world, run, accepted=1)


def test_a_report_waits_for_a_release_and_takes_it_back(world: World, aside: Aside) -> None:
    """C-23, Q-01"""
    run = lose(world)
    with org_context(world.org.pk):
        release.release(run, 1, by=made.access(world.approver, world.org), at=database_now())
        late = aside(lambda: report(world, run))
        until(waits_for_a_lock, "the report's wait")
    assert late.result(30).events == 1
    settled(world, run, accepted=1)


def test_reports_and_lanes_race_for_a_crowd(
    transactional_db: None, carrier: Carrier, settings: Settings, aside: Aside
) -> None:
    """C-23, Q-01, Q-02: whose report was taken in before the announcement has one copy, the others have two."""
    del transactional_db
    settings.SEND_WINDOW = 3
    world = worlds.make(carrier, 12)
    run = released(world)
    before = world.accepted(run)
    order = random.Random(23).sample(range(1, 13), 12)
    work = aside(lambda: lane(world, run))
    for seq in order:
        report(world, run, seq)
    work.result(30)
    drive(world, run)
    parked.match(world.org.pk, at=database_now() + timedelta(minutes=1))
    accepted = world.accepted(run)
    with org_context(world.org.pk):
        assert list(verify.verify_run(world.fresh(run))) == []
        rows = Delivery.objects.for_org(world.org).filter(run_id=run.pk)
        assert {row.state for row in rows} == {State.SENT}
        by_report = {row.seq for row in rows if row.reason == "by_report"}
    assert accepted == before + Counter(set(order) - by_report)
