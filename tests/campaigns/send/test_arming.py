"""A restored, copied or failed-over database sends nothing until a person arms it (Q-06)."""

from __future__ import annotations

from io import StringIO

import pytest
import redis
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from kombu.exceptions import OperationalError as BrokerError

from campaigns import arming, lifecycle, scheduling, sweeper, tasks
from campaigns.clock import database_now
from campaigns.management.commands.run_scheduler import LOOK_SECONDS, TROUBLE_SECONDS, Loop
from campaigns.models import Message, Run
from engage.orgs.models import DueWork, Fence
from engage.orgs.tenancy import org_context
from tests.campaigns.send.driving import begin, drive
from tests.campaigns.send.world import World, check

pytestmark = pytest.mark.usefixtures("forgotten_fence")


def _beat() -> bool:
    return arming.beat(database_now())


def test_a_restored_database_is_behind_its_copies(world: World) -> None:
    """Q-06"""
    run = begin(world)
    assert all(_beat() for _ in range(3))
    Fence.objects.update(counter=1)
    assert not _beat()
    fence = arming.state()
    assert fence is not None
    assert "behind" in fence.reason
    assert sweeper.look_after(world.org.pk).lanes == []
    fresh = world.fresh(run)
    assert (fresh.status, fresh.message.status_reason) == (Run.Status.BLOCKED, "disarmed")
    tasks.run_lane(org_id=world.org.pk, run_id=run.pk)
    assert not world.accepted(run)
    arming.arm(database_now())
    assert _beat()
    with org_context(world.org.pk):
        lifecycle.continue_(fresh.message, by=world.approver, at=database_now())
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_a_worker_finds_out_before_any_scheduler_did(world: World) -> None:
    """Q-06"""
    _beat()
    _beat()
    run = begin(world)
    Fence.objects.update(counter=0)
    tasks.run_lane(org_id=world.org.pk, run_id=run.pk)
    assert not world.accepted(run)
    assert not arming.is_armed()


def test_nothing_starts_while_it_is_off(world: World) -> None:
    """Q-06, C-19"""
    with org_context(world.org.pk):
        message = world.message()
    arming.disarm("somebody looks into it", database_now())
    assert scheduling.start(world.org.pk, message.pk) is None
    with org_context(world.org.pk):
        assert Message.objects.for_org(world.org).get().status == Message.Status.SCHEDULED
    arming.arm(database_now())
    assert scheduling.start(world.org.pk, message.pk) is not None


def test_an_emptied_broker_alone_changes_nothing(world: World) -> None:
    """Q-03"""
    _beat()
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.flushdb()
    assert _beat()
    assert arming.check(database_now())


def test_a_copy_in_a_new_place_knows_that_it_is_one(world: World) -> None:
    """Q-06"""
    _beat()
    arming.forget_copies()
    assert not _beat()


def test_another_cluster_is_noticed(world: World) -> None:
    """Q-06: a fail-over to a replica has another timeline, a dump another system."""
    _beat()
    Fence.objects.update(system_identifier="7000000000000000000/1")
    assert not _beat()


def test_arming_is_asked_twice(world: World) -> None:
    """Q-06"""
    out = StringIO()
    call_command("arm_dispatch", stdout=out)
    assert "armed already" in out.getvalue()
    arming.disarm("The database was restored.", database_now())
    with pytest.raises(CommandError, match="--yes"):
        call_command("arm_dispatch", stdout=out)
    assert "The database was restored." in out.getvalue()
    assert not arming.is_armed()
    call_command("arm_dispatch", "--yes", stdout=out)
    assert arming.is_armed()


def test_the_ledger_command_says_what_is_wrong(world: World) -> None:
    """M-27, Q-02"""
    run = begin(world)
    drive(world, run)
    out = StringIO()
    call_command("verify_ledger", "--org", world.org.slug, stdout=out)
    assert "whole" in out.getvalue()
    world.execute("UPDATE campaigns_tally SET n = n + 1 WHERE org_id = %(org)s AND state = 1")
    with pytest.raises(CommandError):
        call_command("verify_ledger", "--org", world.org.slug, stdout=out)
    assert "the tally says 21, the ledger has 20 rows" in out.getvalue()


def test_the_scheduler_rings_what_is_due_and_outlives_a_broker_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-03, C-38: a bell that was lost rings again; nothing of it is remembered outside the database."""
    rung: list[int] = []
    monkeypatch.setattr(tasks.start_message, "delay", lambda *, org_id, message_id: rung.append(message_id))
    with org_context(world.org.pk):
        message = world.message()
    loop = Loop()
    assert loop.turn() == LOOK_SECONDS
    assert rung == [message.pk]
    row = DueWork.objects.get(org=world.org, kind=lifecycle.MESSAGE_DUE)
    assert row.due_at > database_now()

    def away(**_: object) -> None:
        raise BrokerError

    monkeypatch.setattr(tasks.start_message, "delay", away)
    DueWork.objects.filter(pk=row.pk).update(due_at=database_now())
    assert loop.turn() == TROUBLE_SECONDS
    assert DueWork.objects.filter(pk=row.pk).exists()
