"""A run from its freeze to its end, in one process, against the real carrier."""

from __future__ import annotations

from campaigns import dispatch, freeze
from campaigns.models import Run
from tests.campaigns.send.world import World, check


def test_everybody_gets_the_message_once_and_the_run_completes(world: World) -> None:
    """C-23, H-33, M-10"""
    run = world.run()
    assert freeze.freeze(world.org.pk, run.pk)
    assert world.fresh(run).status == Run.Status.SENDING
    dispatch.work_lane(org_id=world.org.pk, run_id=run.pk)
    assert world.fresh(run).status == Run.Status.COMPLETED
    assert check(world, run) == {"sent": 20}
