"""Races with real threads, each with its own connection."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from campaigns import dispatch, freeze, halting, lifecycle, scheduling, sweeper, verify
from campaigns.clock import database_now
from campaigns.models import Delivery, Message, Occurrence, Run
from engage.orgs.tenancy import org_context
from tests.campaigns import factories as made
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import begin, drive
from tests.campaigns.send.workers import tell
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier, until


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run them at the same moment, each in a thread; what each returned or raised."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        barrier.wait(10)
        try:
            return call()
        except (lifecycle.MoveRefused, freeze.FreezeLost) as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as hands:
        return list(hands.map(one, calls))


def test_four_workers_and_a_hundred_rows(
    transactional_db: None, carrier: Carrier, settings: Settings
) -> None:
    """Q-01: small chunks and windows, so that they meet all the time."""
    settings.SEND_LANES, settings.SEND_CHUNK_ROWS, settings.SEND_WINDOW = 4, 5, 3
    world = worlds.make(carrier, 100)
    for _ in range(3):
        run = begin(world)
        together(*[partial(dispatch.work_lane, org_id=world.org.pk, run_id=run.pk)] * 4)
        drive(world, run)
        assert check(world, run) == {"sent": 100}
        with org_context(world.org.pk):
            assert list(verify.verify_run(world.fresh(run))) == []


def test_four_freezes_of_one_run_write_it_once(world: World) -> None:
    """C-23"""
    run = world.run()
    went = together(*[lambda: freeze.freeze(world.org.pk, run.pk)] * 4)
    assert went.count(True) == 1
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_four_schedulers_start_a_message_once(world: World) -> None:
    """Q-05, C-34"""
    with org_context(world.org.pk):
        message = world.message()
    runs = together(*[lambda: scheduling.start(world.org.pk, message.pk)] * 4)
    assert len([run for run in runs if isinstance(run, Run)]) == 1
    with org_context(world.org.pk):
        assert Occurrence.objects.for_org(world.org).filter(message=message).count() == 1


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1])
def test_start_and_stop_at_once(world: World, delay: float) -> None:
    """C-20, Q-04: whoever wins, nothing begins after the answer, and everybody ends in one state."""
    run = begin(world)

    def stop() -> int:
        time.sleep(delay)
        with org_context(world.org.pk):
            lifecycle.stop(world.fresh(run).message, by=world.admin, at=database_now())

        def settled() -> bool:
            with org_context(world.org.pk):
                return halting.answer(run).settled

        until(settled, "the answer")
        with org_context(world.org.pk):
            in_flight = halting.answer(run).in_flight
        return sum(world.accepted(run).values()) + in_flight

    _, bound = together(lambda: dispatch.work_lane(org_id=world.org.pk, run_id=run.pk), stop)
    drive(world, run)
    if isinstance(bound, lifecycle.MoveRefused):
        assert check(world, run) == {"sent": 20}
        return
    counts = check(world, run)
    assert counts["sent"] + counts["cancelled/stopped"] == 20
    assert counts["sent"] <= bound


def test_an_opt_out_acts_on_everything_claimed_after_it(
    transactional_db: None, carrier: Carrier, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q-14, A-11: whoever is sent a message after their opt-out was stored had been claimed before it."""
    settings.SEND_WINDOW = 40
    world = worlds.make(carrier, 300)
    world.account.behaves(answer="slow", ms=5)
    run = begin(world)
    stored: dict[int, float] = {}
    done = threading.Event()

    def opt_out_some() -> None:
        chooser = random.Random(7)
        people = chooser.sample(world.people[40:], 120)
        for person in people:
            if done.is_set():
                return
            world.opt_out(person)
            stored[person] = database_now().timestamp()

    def send() -> None:
        dispatch.work_lane(org_id=world.org.pk, run_id=run.pk)
        done.set()

    together(send, opt_out_some)
    drive(world, run)
    counts = check(world, run)
    with org_context(world.org.pk):
        rows = Delivery.objects.for_org(world.org).filter(run_id=run.pk, customer_id__in=stored)
        late = [
            row.state_at.timestamp() - stored[row.customer_id]
            for row in rows
            if row.state == Delivery.State.SENT and row.state_at.timestamp() > stored[row.customer_id]
        ]
    assert counts["skipped/unsubscribed"] > 0
    # Those were in a window that had been announced; nobody's claim came after the store.
    worst, p99 = max(late, default=0.0), sorted(late)[int(len(late) * 0.99)] if late else 0.0
    assert worst < 2.0
    tell(
        capsys,
        f"opt-out to effect: {len(stored)} opt-outs during a run, {len(late)} were announced already, "
        f"p99 {p99 * 1000:.0f} ms, worst {worst * 1000:.0f} ms",
    )


def test_an_edit_and_an_approval_at_once(world: World) -> None:
    """Q-11, C-29: what is approved is what was seen, or nothing is approved."""
    for _ in range(4):
        with org_context(world.org.pk):
            at = database_now()
            frame = made.campaign(world.org, world.writer, at=at)
            it = made.message(frame, world.writer, at=at)
            lifecycle.submit(it, by=world.writer, at=at, targeted=1)
            it = Message.objects.for_org(world.org).get(pk=it.pk)
            seen = made.seen(it)

        def approve(it: Message = it, seen: str = seen) -> Any:
            with org_context(world.org.pk):
                return lifecycle.approve(it, by=world.approver, seen=seen, at=database_now())

        def edit(it: Message = it) -> Any:
            with org_context(world.org.pk):
                return lifecycle.edit(it, by=world.writer, at=database_now())

        together(approve, edit)
        with org_context(world.org.pk):
            fresh = Message.objects.for_org(world.org).get(pk=it.pk)
            assert fresh.status in {Message.Status.DRAFT, Message.Status.SCHEDULED}
            if fresh.status == Message.Status.SCHEDULED:
                assert fresh.approved_version is not None
                assert fresh.approved_version.hash == seen


def test_sweepers_beside_each_other_and_a_lane(world: World) -> None:
    """Q-01, Q-02: any number of copies."""
    run = begin(world)
    together(
        *[lambda: sweeper.look_after(world.org.pk)] * 3,
        lambda: dispatch.work_lane(org_id=world.org.pk, run_id=run.pk),
    )
    drive(world, run)
    assert check(world, run) == {"sent": 20}
