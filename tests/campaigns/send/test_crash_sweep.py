"""Every boundary of a send, before and after: a worker dies there, others go on, the carrier's file decides (Q-01)."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

import pytest
from pytest_django import Settings

from campaigns import throttle, verify
from campaigns.dispatch.lane import AHEAD
from campaigns.models import Run
from channels.models import Sender
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import drive_all, end_leases
from tests.campaigns.send.workers import environment, tell, workers
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier

pytestmark = pytest.mark.crash

WINDOW, CHUNK = 3, 4
SHORT = {
    "ENGAGE_SEND_WINDOW": str(WINDOW),
    "ENGAGE_SEND_CHUNK_ROWS": str(CHUNK),
    "ENGAGE_SEND_RETRY_SECONDS": "0,0,0,0",
}
BOUND = WINDOW * (AHEAD + 1)
PEOPLE = 8
ODD_ONES = ["refuse@example.com", "lose-answer@example.com", None]


@pytest.fixture
def small(transactional_db: None, carrier: Carrier, settings: Settings) -> World:
    """Eight people of all kinds in two chunks, some held out; now and then the carrier says later."""
    settings.SEND_WINDOW, settings.SEND_CHUNK_ROWS = WINDOW, CHUNK
    settings.SEND_RETRY_SECONDS = [0.0]
    world = worlds.make(carrier, PEOPLE - len(ODD_ONES), control_permille=200)
    world.add_people(ODD_ONES)
    world.account.behaves(later=0.15)
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).update(per_second=1000)
    return world


def _settle(world: World, runs: list[Run]) -> None:
    """The dead stay dead: their leases end, and the living finish their work."""
    end_leases(world)
    drive_all(world, runs, let_retries_come=True)


class Place(NamedTuple):
    """Before or after the n-th time that a worker comes to a boundary."""

    name: str
    number: int
    side: str

    def __str__(self) -> str:
        return f"{self.name}:{self.number}:{self.side}"


def _kill(env: dict[str, str], world: World, cells: list[tuple[Place, Run]]) -> list[Place]:
    """Have a worker of each run die at its place; the places where one did.

    How often a worker comes to a boundary depends on the carrier's answers and on time, so a few are not reached:
    then its worker came there fewer times, and finished. One that passed its place alive is a fault of this test.
    """
    killed = []
    with workers(env) as worker:
        for place, run in cells:
            told = worker.work(world.org.pk, run.pk, crash_at=str(place))
            if told["killed"]:
                assert told["exit"] == -signal.SIGKILL, place
                killed.append(place)
            else:
                assert told["exit"] == 0, place
                assert told["counted"].get(place.name, 0) < place.number, (
                    f"{place} was passed, and nobody died"
                )
    return killed


def test_a_worker_may_die_at_any_boundary(
    small: World, process_environment: dict[str, str], carrier: Carrier, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q-01, Q-02, Q-03, C-23, H-34, C-41: with a throttle, so that its statements are boundaries too."""
    began, unconfirmed, worst = time.monotonic(), 0, 0
    env = environment(process_environment, carrier, **SHORT)
    with workers(env) as worker:
        told = worker.work(small.org.pk, small.run(throttle_per_hour=throttle.MOST).pk)
    assert told["exit"] == 0
    places = [
        Place(name, number, side)
        for name, times in told["counted"].items()
        for number in range(1, times + 1)
        for side in ("before", "after")
    ]
    runs = small.runs(len(places), throttle_per_hour=throttle.MOST)
    cells = list(zip(places, runs, strict=True))
    with ThreadPoolExecutor(2) as hands:
        killed = set(chain(*hands.map(lambda half: _kill(env, small, half), (cells[::2], cells[1::2]))))
    always = {place for place in places if place.number == 1}
    assert always <= killed, f"nobody died at {always - killed}"
    _settle(small, runs)
    accepted = small.accepted_by_run()
    for place, run in cells:
        counts = check(small, run, unconfirmed_at_most=BOUND + 1, accepted=accepted[run.pk])
        assert sum(counts.values()) == PEOPLE, place
        unconfirmed += counts["unconfirmed/no_answer"]
        worst = max(worst, counts["unconfirmed/no_answer"])
        with org_context(small.org.pk):
            fresh = small.fresh(run)
            assert fresh.status == Run.Status.COMPLETED, place
            assert list(verify.verify_run(fresh)) == [], place
    tell(
        capsys,
        f"crash sweep: {len(places)} places swept ({told['counted']}), {len(killed)} kills, "
        f"{len(places) - len(killed)} not reached by their worker, 0 doubled, 0 lost, "
        f"{unconfirmed} unconfirmed of {PEOPLE * len(places)} (worst {worst}; the bound is {BOUND} a kill, and one "
        f"answer of each run is lost on purpose), {time.monotonic() - began:.0f} s",
    )


@pytest.mark.parametrize("times", [2, 5])
def test_a_task_that_is_delivered_again_changes_nothing(
    small: World, process_environment: dict[str, str], carrier: Carrier, times: int
) -> None:
    """Q-01: delivered twice, five times, and once more after a kill in the middle."""
    with workers(environment(process_environment, carrier, **SHORT)) as worker:
        again, cut = small.run(), small.run()
        assert worker.work(small.org.pk, again.pk, times=times)["exit"] == 0
        worker.work(small.org.pk, cut.pk, crash_at="commit:12:after")
        for _ in range(times):
            worker.work(small.org.pk, cut.pk)
    _settle(small, [again, cut])
    for run in (again, cut):
        assert sum(check(small, run, unconfirmed_at_most=BOUND + 1).values()) == PEOPLE
