"""The lock between a change of a run's state and the windows that are being announced (C-44, Q-04)."""

from __future__ import annotations

from threading import Event, Thread

from django.db import connection

from campaigns import lifecycle
from campaigns.clock import database_now
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import begin, drive, lane
from tests.campaigns.send.world import check
from tests.local.carriers import Carrier, until

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_a_window_waits_for_a_stop_that_has_not_committed_and_begins_nothing(
    transactional_db: None, carrier: Carrier
) -> None:
    """C-44, Q-04: without the lock it would read the state of before, and hand over after the answer."""
    world = worlds.make(carrier, 40)
    run = begin(world)
    stopped, commit, over = Event(), Event(), Event()

    def stop() -> None:
        with org_context(world.org.pk):
            lifecycle.stop(world.fresh(run).message, by=world.admin, at=database_now())
            stopped.set()
            commit.wait(30)
        connection.close()

    def work() -> None:
        lane(world, run)
        over.set()
        connection.close()

    def waits_or_is_over() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            return over.is_set() or cursor.fetchone()[0] > 0

    stopper, worker = Thread(target=stop), Thread(target=work)
    stopper.start()
    assert stopped.wait(30)
    worker.start()
    until(waits_or_is_over, "a window that waits")
    handed_over = sum(world.accepted(run).values())
    commit.set()
    stopper.join()
    worker.join()
    drive(world, run)
    assert handed_over == 0
    assert check(world, run)["cancelled/stopped"] == 40
