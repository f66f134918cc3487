"""One real run of 20,000 people through kills, pause, resume and stop, held against the carrier's file (Q-01, Q-04)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from django.db import connection
from pytest_django import Settings

from campaigns import halting, lifecycle, progress, sweeper, verify
from campaigns.clock import database_now
from campaigns.dispatch.lane import AHEAD
from campaigns.models import Run
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import begin, drive
from tests.campaigns.send.workers import Workers, environment, tell, workers
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier, until

pytestmark = pytest.mark.crash

PEOPLE, LEASE = 20_000, 2.0
CHANCES = {"refuse": 0.01, "later": 0.004, "lose": 0.0005}


@contextmanager
def swept(world: World) -> Iterator[None]:
    """Somebody looks after the org twice a second, as the scheduler would every ten."""
    over = Event()

    def sweep() -> None:
        try:
            while not over.wait(0.5):
                sweeper.look_after(world.org.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hand:
        sweeping = hand.submit(sweep)
        try:
            yield
        finally:
            over.set()
        sweeping.result()


def _accepted(world: World) -> int:
    return world.account.stats()["accepted"] + world.account.stats()["lost"]


def _reaches(world: World, number: int) -> None:
    until(lambda: _accepted(world) >= number, f"the {number}th message")


def _adds_up(world: World, run: Run) -> progress.Progress:
    """The sums hold at every moment, also while workers are at it (Q-02)."""
    with org_context(world.org.pk):
        counts = progress.of_run(world.fresh(run))
    assert counts.adds_up, counts
    return counts


def _move(world: World, run: Run, verb: str) -> float:
    """A person's move, and how long its answer took."""
    with org_context(world.org.pk):
        getattr(lifecycle, verb)(world.fresh(run).message, by=world.admin, at=database_now())
    began = time.monotonic()

    def settled() -> bool:
        with org_context(world.org.pk):
            return halting.answer(run).settled

    if verb != "resume":
        until(settled, f"the answer to {verb}")
    return time.monotonic() - began


def _go_through_it(world: World, run: Run, crew: Workers) -> tuple[int, dict[str, float]]:
    """Two workers, of which one is killed again and again; paused and resumed; stopped before the end."""
    took: dict[str, float] = {}
    order = {"seconds": 120}
    hands = [crew.start(world.org.pk, run.pk, **order) for _ in range(2)]
    kills = 0
    for number in (2_000, 4_000, 6_000):
        _reaches(world, number)
        crew.kill(hands.pop(0))
        kills += 1
        hands.append(crew.start(world.org.pk, run.pk, **order))
        _adds_up(world, run)
    _reaches(world, 8_000)
    took["pause"] = _move(world, run, "pause")
    time.sleep(0.2)
    quiet = _accepted(world)
    _adds_up(world, run)
    assert _accepted(world) == quiet, "something began after the answer to pause"
    took["resume"] = _move(world, run, "resume")
    _reaches(world, 12_000)
    crew.kill(hands.pop(0))
    hands.append(crew.start(world.org.pk, run.pk, **order))
    _reaches(world, 15_000)
    took["stop"] = _move(world, run, "stop")
    return kills + 1, took


def test_twenty_thousand_people_through_kills_pause_resume_and_stop(
    transactional_db: None,
    carrier: Carrier,
    process_environment: dict[str, str],
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Q-01, Q-02, Q-03, Q-04, C-44, M-27"""
    settings.SEND_LEASE_SECONDS = LEASE
    world = worlds.make(carrier, control_permille=50)
    world.add_crowd(PEOPLE)
    world.account.behaves(**CHANCES)
    run = begin(world)
    env = environment(
        process_environment,
        carrier,
        ENGAGE_SEND_LEASE_SECONDS=str(LEASE),
        ENGAGE_SEND_LANE_SECONDS="3",
        ENGAGE_SEND_CHUNK_ROWS="1000",
        ENGAGE_SEND_RETRY_SECONDS="0.5,1,2,4",
    )
    began = time.monotonic()
    with workers(env) as crew, swept(world):
        kills, took = _go_through_it(world, run, crew)
    time.sleep(LEASE)
    drive(world, run)
    window = settings.SEND_WINDOW * (AHEAD + 1)
    counts = check(world, run, unconfirmed_at_most=kills * window + 100)
    assert sum(counts.values()) == PEOPLE
    assert counts["cancelled/stopped"] > 0
    with org_context(world.org.pk):
        assert list(verify.verify_run(world.fresh(run))) == []
        assert _adds_up(world, run).targeted == PEOPLE
    tell(
        capsys,
        f"20,000 people: {kills} kills, pause answered after {took['pause'] * 1000:.0f} ms, stop after "
        f"{took['stop'] * 1000:.0f} ms, 0 doubled, 0 lost, {dict(counts)}, {time.monotonic() - began:.0f} s",
    )
