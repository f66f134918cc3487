"""Turning the handles of the send in one process: what tasks and the scheduler would do."""

from __future__ import annotations

import time

from campaigns import dispatch, freeze, sweeper
from campaigns.dispatch import Left
from campaigns.models import Run
from engage.orgs.tenancy import org_context
from tests.campaigns.send.world import World

OVER = (Run.Status.COMPLETED, Run.Status.STOPPED, Run.Status.FAILED, Run.Status.BLOCKED, Run.Status.PAUSED)


def begin(world: World, **fields: object) -> Run:
    """A run of a new message, frozen and Sending."""
    run = world.run(**fields)
    assert freeze.freeze(world.org.pk, run.pk)
    return run


def lane(world: World, run: Run) -> Left:
    return dispatch.work_lane(org_id=world.org.pk, run_id=run.pk)


def drive(world: World, run: Run, *, let_retries_come: bool = False, most: int = 60) -> Run:
    """Look after and work until the run is over, or waits for a person."""
    drive_all(world, [run], let_retries_come=let_retries_come, most=most)
    return world.fresh(run)


def drive_all(world: World, runs: list[Run], *, let_retries_come: bool = False, most: int = 60) -> None:
    """The same for all runs of a world at once."""
    for _ in range(most):
        bells = sweeper.look_after(world.org.pk)
        for run_id in bells.freeze:
            freeze.freeze(world.org.pk, run_id)
        left = [dispatch.work_lane(org_id=world.org.pk, run_id=run_id) for run_id in bells.lanes]
        if not bells.freeze and not bells.lanes and _are_over(world, runs):
            return
        if let_retries_come:
            pass_time(world)
        _heed_the_pace(left)
    raise AssertionError(
        f"runs do not end: {[(r.pk, world.fresh(r).status, world.states(r)) for r in runs][:5]}"
    )


def _heed_the_pace(left: list[Left]) -> None:
    """Ring again when the lanes asked to be rung, as the scheduler does: a quick machine would only spin till then."""
    asked = [lane.again_in for lane in left if lane.reason == "pace" and lane.again_in]
    if asked:
        time.sleep(min(asked))


def _are_over(world: World, runs: list[Run]) -> bool:
    with org_context(world.org.pk):
        going_on = Run.objects.for_org(world.org).exclude(status__in=OVER)
        return not going_on.filter(pk__in=[run.pk for run in runs]).exists()


def pass_time(world: World) -> None:
    """What waits for a time waits no longer: retries, and the sender's back-off."""
    world.execute(
        "UPDATE campaigns_retry SET not_before = now() WHERE org_id = %(org)s AND not_before > now()"
    )
    world.execute("UPDATE channels_sender SET backing_off_until = NULL WHERE org_id = %(org)s")


def end_leases(world: World) -> None:
    """The leases of lanes that are known to be dead, as if their time had passed."""
    for table, lease in (
        ("campaigns_chunk", "lease_until"),
        ("campaigns_retry", "lease_until"),
        ("campaigns_run", "freeze_lease_until"),
    ):
        world.execute(
            f"UPDATE {table} SET {lease} = now() - interval '1 second' WHERE org_id = %(org)s AND {lease} IS NOT NULL",
        )
