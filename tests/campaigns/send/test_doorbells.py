"""Bells, clocks and connections that fail: the run goes on by itself (Q-03, Q-08)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns import arming, dispatch, progress, scheduling, shared_memory, tasks
from campaigns.clock import database_now
from campaigns.models import Message, Run
from channels.models import Sender
from engage.celery import app
from engage.orgs import due
from engage.orgs.models import DueWork
from engage.orgs.tenancy import org_context
from tests.campaigns.send.driving import begin, drive, lane
from tests.campaigns.send.world import World, check
from tests.local.carriers import until

pytestmark = pytest.mark.usefixtures("forgotten_fence")


@pytest.fixture
def eager() -> Iterator[None]:
    """Every bell is answered at once, in this process."""
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager = app.conf.task_eager_propagates = False


def _only(*kinds: str) -> None:
    """Leave only the due work of these kinds: the scheduler's other bells are other tests'."""
    DueWork.objects.exclude(kind__in=kinds).delete()


def test_one_ring_of_the_scheduler_carries_a_message_to_its_end(world: World, eager: None) -> None:
    """C-35, C-38: due, started, frozen, sent, completed, each by its own bell."""
    with org_context(world.org.pk):
        message = world.message()
    tasks.start_message(org_id=world.org.pk, message_id=message.pk)
    with org_context(world.org.pk):
        fresh = Message.objects.for_org(world.org).select_related("run").get(pk=message.pk)
    assert fresh.status == Message.Status.COMPLETED
    assert fresh.run is not None
    assert check(world, fresh.run) == {"sent": 20}
    tasks.look_after(org_id=world.org.pk)
    assert not DueWork.objects.filter(org=world.org, kind=scheduling.SEND_DUE).exists()


def test_a_run_whose_bells_were_all_lost_goes_on_by_itself(world: World, eager: None) -> None:
    """Q-03: the broker was emptied after the run was opened, and again in the middle of it."""
    with org_context(world.org.pk):
        message = world.message()
    run = scheduling.start(world.org.pk, message.pk)
    assert run is not None
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.flushdb()
    _only(scheduling.SEND_DUE)
    due.ring_due(database_now() + timedelta(seconds=60))
    assert world.fresh(run).status == Run.Status.COMPLETED
    assert check(world, run) == {"sent": 20}


def test_a_lane_leaves_when_its_time_is_over_and_asks_to_be_rung_again(
    world: World, settings: Settings
) -> None:
    """Q-08: nobody keeps a worker for longer, however much there is to send."""
    settings.SEND_LANE_SECONDS, settings.SEND_WINDOW = 0.2, 2
    world.account.behaves(answer="slow", ms=60)
    run = begin(world)
    left = lane(world, run)
    assert (left.reason, left.again_in) == ("time", 0.0)
    counts = check(world, run, settled=False)
    assert 0 < counts["sent"] < 20
    with org_context(world.org.pk):
        assert progress.of_run(world.fresh(run)).handing_over == 0
    world.account.behaves(answer="accept")
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_a_run_has_no_more_lanes_than_its_share(world: World, settings: Settings) -> None:
    """Q-08"""
    settings.SEND_LANES = 1
    world.account.behaves(answer="slow", ms=50)
    run = begin(world)
    with ThreadPoolExecutor(1) as hand:
        working = hand.submit(_in_thread, world, run)
        until(world.account.ledger, "the first message")
        assert lane(world, run).reason == "enough"
        working.result()
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_without_redis_the_pace_is_kept_and_nobody_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-03: nothing in Redis is needed for who gets what."""
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).update(per_second=8)
    run = begin(world)
    away = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    with monkeypatch.context() as patch:
        patch.setattr(shared_memory, "_client", lambda: away)
        patch.setattr(shared_memory, "_away_until", 0.0)
        assert lane(world, run).reason == "pace"
        assert sum(world.accepted(run).values()) <= 16
        with org_context(world.org.pk):
            assert progress.of_run(world.fresh(run)).per_second is None
        assert arming.check(database_now())
        drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_a_lane_that_loses_its_database_records_what_it_knows_when_it_is_back(world: World) -> None:
    """Q-01, Q-02: what was answered is not Unconfirmed only because a connection broke."""
    world.account.behaves(answer="slow", ms=40)
    run = begin(world)
    with ThreadPoolExecutor(1) as hand:
        working = hand.submit(_in_thread, world, run)
        until(lambda: len(world.account.ledger()) > 3, "the first messages")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        assert working.result().reason == "database"
    assert check(world, run, settled=False).keys() == {"sent"}
    world.account.behaves(answer="accept")
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def _in_thread(world: World, run: Run) -> dispatch.Left:
    try:
        return dispatch.work_lane(org_id=world.org.pk, run_id=run.pk)
    finally:
        connection.close()
