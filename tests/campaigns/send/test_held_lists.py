"""A filter is read when its run is prepared, or, where the message says so, when it is approved."""

from __future__ import annotations

import pytest

from audiences.models import AudienceVersion, ListMember
from campaigns import lifecycle, versions
from campaigns.clock import database_now
from campaigns.models import Message, MessageAudience
from engage.orgs.tenancy import org_context
from tests.campaigns import factories as made
from tests.campaigns.send.driving import begin, drive
from tests.campaigns.send.world import World

EVERYBODY = {
    "version": 1,
    "base": {"unit": None, "audiences": [], "loyalty": "both"},
    "blocks": [],
}


@pytest.fixture
def filtered(world: World) -> World:
    """The world's audience as a filter that everybody is in."""
    with org_context(world.org.pk):
        AudienceVersion.objects.for_org(world.org).update(tree=EVERYBODY)
        world.audience.kind = "filter"
        world.audience.save()
    return world


@pytest.mark.parametrize(("mode", "sent"), [("at_run", 23), ("at_approval", 20)])
def test_who_comes_after_the_approval_is_in_only_where_the_list_is_read_by_the_run(
    filtered: World, mode: str, sent: int
) -> None:
    """A-44, C-15"""
    with org_context(filtered.org.pk):
        message = filtered.message(freeze_audience=mode)
    filtered.add_people([f"late{n}@example.com" for n in range(3)])
    with org_context(filtered.org.pk):
        run = lifecycle.open_run(message, at=database_now())
        assert made.seen(message) == versions.latest(message).hash  # type: ignore[union-attr]
    assert drive(filtered, run).status == "completed"
    assert filtered.states(run) == {"sent": sent}
    assert sum(filtered.accepted(run).values()) == sent


def test_what_was_written_down_goes_with_the_approval(filtered: World) -> None:
    """A-44, C-19"""
    with org_context(filtered.org.pk):
        message = filtered.message(freeze_audience="at_approval")
        row = MessageAudience.objects.for_org(filtered.org).get(message=message)
        assert row.held is not None
        assert (row.held.number < 0, row.held.size) == (True, 20)
        held = row.held_id
        draft = lifecycle.unschedule(message, by=filtered.writer, at=database_now())
        assert not AudienceVersion.objects.for_org(filtered.org).filter(pk=held).exists()
        assert not ListMember.objects.for_org(filtered.org).filter(version_id=held).exists()
        assert MessageAudience.objects.for_org(filtered.org).get(message=draft).held is None


def test_a_scheduled_message_with_a_held_list_can_be_deleted(filtered: World) -> None:
    """C-20"""
    with org_context(filtered.org.pk):
        message = filtered.message(freeze_audience="at_approval")
        lifecycle.delete(message, by=filtered.writer, at=database_now())
        assert not Message.objects.for_org(filtered.org).filter(pk=message.pk).exists()
        assert not AudienceVersion.objects.for_org(filtered.org).filter(number__lt=0).exists()


def test_an_uploaded_list_is_frozen_already(world: World) -> None:
    """A-44"""
    run = begin(world, freeze_audience="at_approval")
    assert drive(world, run).status == "completed"
    assert world.states(run) == {"sent": 20}
    with org_context(world.org.pk):
        assert not AudienceVersion.objects.for_org(world.org).filter(number__lt=0).exists()
