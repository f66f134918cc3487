"""Pause, resume, stop: what the answer promises, with a carrier that stalls and a worker that sleeps (C-44, Q-04)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from campaigns import dispatch, halting, lifecycle, progress, sweeper, verify
from campaigns.clock import database_now
from campaigns.halting import Answer
from campaigns.models import Campaign, Retry, Run
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import begin, drive, lane
from tests.campaigns.send.workers import Workers, environment, tell, workers
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier, until

LEASE = 2.0


@pytest.fixture
def crew(process_environment: dict[str, str], carrier: Carrier) -> Iterator[Workers]:
    with workers(environment(process_environment, carrier, ENGAGE_SEND_LEASE_SECONDS=str(LEASE))) as found:
        yield found


@pytest.fixture
def crowd(transactional_db: None, carrier: Carrier, settings: Settings) -> World:
    settings.SEND_LEASE_SECONDS = LEASE
    return worlds.make(carrier, 400)


def _stop(world: World, run: Run) -> None:
    with org_context(world.org.pk):
        lifecycle.stop(world.fresh(run).message, by=world.admin, at=database_now())


def _pause(world: World, run: Run) -> None:
    with org_context(world.org.pk):
        lifecycle.pause(world.fresh(run).message, by=world.writer, at=database_now())


def _answer(world: World, run: Run) -> Answer:
    with org_context(world.org.pk):
        return halting.answer(run)


def _settled(world: World, run: Run) -> Answer:
    """Wait for the answer, as the page does."""
    until(lambda: _answer(world, run).settled, "the answer")
    return _answer(world, run)


def _in_hand(world: World, run: Run, least: int = 1) -> int:
    """Wait until hand-overs are under way."""
    number: int = until(lambda: (n := _answer(world, run).in_flight) >= least and n, "a hand-over")
    return number


def test_stop_answers_at_once_while_the_carrier_stalls(
    crowd: World, crew: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    """C-44, Q-04: what had begun is in flight, its number is known, nothing else starts."""
    run = begin(crowd)
    crowd.account.behaves(answer="stall")
    worker = crew.start(crowd.org.pk, run.pk)
    until(lambda: crowd.account.stats()["stalled"] > 0, "a stalled hand-over")
    began = time.monotonic()
    _stop(crowd, run)
    answer = _settled(crowd, run)
    took = time.monotonic() - began
    assert 0 < answer.in_flight < 30
    crowd.account.behaves(answer="accept")
    crew.wait(worker)
    drive(crowd, run)
    counts = check(crowd, run)
    assert counts["sent"] == answer.in_flight
    assert counts["cancelled/stopped"] == 400 - answer.in_flight
    assert took < LEASE
    tell(
        capsys,
        f"stop with a stalled carrier: answered after {took * 1000:.0f} ms, {answer.in_flight} in flight, 0 after",
    )


def test_a_worker_that_sleeps_past_its_lease_begins_nothing_when_it_wakes(
    crowd: World, crew: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    """C-44, Q-04: it cannot look up, so the answer waits for its lease, and it finds the lease over."""
    crowd.account.behaves(answer="slow", ms=30)
    run = begin(crowd)
    worker = crew.start(crowd.org.pk, run.pk)
    until(lambda: len(crowd.account.ledger()) > 20, "the first messages")
    os.kill(worker, signal.SIGSTOP)
    _in_hand(crowd, run)
    began = time.monotonic()
    _stop(crowd, run)
    answer = _settled(crowd, run)
    took = time.monotonic() - began
    before = sum(crowd.accepted(run).values())
    os.kill(worker, signal.SIGCONT)
    crew.wait(worker)
    after = sum(crowd.accepted(run).values())
    drive(crowd, run)
    counts = check(crowd, run, unconfirmed_at_most=answer.in_flight)
    assert sum(counts.values()) == 400
    assert after - before <= 1, "at most the one whose first byte was being written"
    assert took < 2 * LEASE
    tell(
        capsys,
        f"stop with a worker asleep: answered after {took * 1000:.0f} ms (lease {LEASE:.0f} s), {answer.in_flight} "
        f"unknown, {after - before} reached the carrier after it woke",
    )


def test_a_worker_suspended_inside_a_window_holds_up_no_stop(
    crowd: World, crew: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    """C-44, Q-04: it sleeps in an open transaction that has the run's lock; the server ends that within the lease."""
    crowd.account.behaves(answer="stall")
    run = begin(crowd)
    worker = crew.start(crowd.org.pk, run.pk, counted=True, suspend=True, crash_at="window:3:after")
    until(lambda: _is_suspended(worker), "the suspended window")
    assert _windows_open() == 1
    began = time.monotonic()
    with org_context(crowd.org.pk), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        lifecycle.stop(crowd.fresh(run).message, by=crowd.admin, at=database_now())
    waited = time.monotonic() - began
    answer = _settled(crowd, run)
    took = time.monotonic() - began
    crowd.account.behaves(answer="accept")
    before = _at_rest(crowd)
    os.kill(worker, signal.SIGCONT)
    assert crew.wait(worker)["exit"] == 0
    drive(crowd, run)
    assert sum(crowd.accepted(run).values()) == before
    assert 0 < before <= answer.in_flight
    counts = check(crowd, run, unconfirmed_at_most=answer.in_flight)
    assert sum(counts.values()) == 400
    assert counts["cancelled/stopped"] >= 400 - answer.in_flight
    assert took < 2 * LEASE
    tell(
        capsys,
        f"stop with a worker suspended inside a window: it had the lock for {waited * 1000:.0f} ms more, answered "
        f"after {took * 1000:.0f} ms (lease {LEASE:.0f} s), {answer.in_flight} unknown, 0 began when it woke",
    )


def _at_rest(world: World) -> int:
    """How many the carrier has accepted, once a second passed without another."""
    accepted, since = -1, time.monotonic()
    while time.monotonic() - since < 1.0:
        now = world.account.stats()["accepted"]
        if now != accepted:
            accepted, since = now, time.monotonic()
        time.sleep(0.05)
    return accepted


def _is_suspended(worker: int) -> bool:
    """By the kernel's word: the state after the process's name."""
    return Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _windows_open() -> int:
    """Sessions that have a run's lock, shared, in an open transaction that does nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted "
            "AND a.state = 'idle in transaction' AND a.datname = current_database()"
        )
        found: int = cursor.fetchone()[0]
    return found


def test_pause_gives_back_and_resume_goes_on_with_the_rest(crowd: World, crew: Workers) -> None:
    """C-44, C-45, Q-04: the recipients are those of an undisturbed run, and their tries are not used up."""
    crowd.account.behaves(answer="slow", ms=20)
    run = begin(crowd)
    worker = crew.start(crowd.org.pk, run.pk)
    until(lambda: len(crowd.account.ledger()) > 20, "the first messages")
    _pause(crowd, run)
    answer = _settled(crowd, run)
    crew.wait(worker)
    assert _answer(crowd, run) == Answer(0, settled=True)
    sent = sum(crowd.accepted(run).values())
    assert answer.in_flight < 40
    with org_context(crowd.org.pk):
        counts = progress.of_run(crowd.fresh(run))
        assert (counts.sent, counts.queued, counts.handing_over) == (sent, 400 - sent, 0)
        assert {row.attempt for row in Retry.objects.for_org(crowd.org).filter(run_id=run.pk)} <= {0}
        assert dispatch.work_lane(org_id=crowd.org.pk, run_id=run.pk).reason == "halted"
        assert sweeper.look_after(crowd.org.pk).lanes == []
    assert sum(crowd.accepted(run).values()) == sent
    crowd.account.behaves(answer="accept")
    with org_context(crowd.org.pk):
        lifecycle.resume(crowd.fresh(run).message, by=crowd.admin, at=database_now())
    drive(crowd, run)
    assert check(crowd, run) == {"sent": 400}


@pytest.mark.parametrize("state", ["preparing", "sending", "paused", "blocked"])
def test_stop_leaves_nothing_queued_from_any_state(world: World, state: str) -> None:
    """C-19, C-23"""
    run = world.run() if state == "preparing" else begin(world)
    moves: dict[str, Callable[[], None]] = {
        "paused": lambda: _pause(world, run),
        "blocked": lambda: _block(world, run),
    }
    moves.get(state, lambda: None)()
    _stop(world, run)
    drive(world, run)
    expected = {} if state == "preparing" else {"cancelled/stopped": 20}
    assert check(world, run) == expected
    with org_context(world.org.pk):
        assert list(verify.verify_run(world.fresh(run))) == []


def _block(world: World, run: Run) -> None:
    with org_context(world.org.pk):
        lifecycle.block(world.fresh(run).message, reason="failure_rate", at=database_now())


def test_what_waits_for_another_try_is_cancelled_too(world: World) -> None:
    """C-23, H-34"""
    world.account.behaves(answer="later", code="deferred", times=5)
    run = begin(world)
    lane(world, run)
    _stop(world, run)
    drive(world, run)
    assert check(world, run) == {"sent": 15, "cancelled/stopped": 5}


def test_the_end_of_the_campaign_cancels_what_is_left(world: World) -> None:
    """C-02, C-19, C-23"""
    run = begin(world)
    with org_context(world.org.pk):
        today = OrgSettings.objects.for_org(world.org).get().today(database_now())
        Campaign.objects.for_org(world.org).update(end_on=today - timedelta(days=1))
    assert lane(world, run).reason == "campaign_ended"
    drive(world, run)
    assert check(world, run) == {"cancelled/campaign_ended": 20}
    assert world.fresh(run).status == Run.Status.STOPPED


def test_a_halted_org_sends_nothing_until_it_is_continued(world: World) -> None:
    """C-46"""
    run = begin(world)
    with org_context(world.org.pk):
        OrgSettings.objects.for_org(world.org).update(sending_halted_at=database_now())
    assert lane(world, run).reason == "disarmed"
    fresh = world.fresh(run)
    assert (fresh.status, fresh.message.status_reason) == (Run.Status.BLOCKED, "disarmed")
    with org_context(world.org.pk):
        OrgSettings.objects.for_org(world.org).update(sending_halted_at=None)
        lifecycle.continue_(fresh.message, by=world.approver, at=database_now())
    drive(world, run)
    assert check(world, run) == {"sent": 20}
