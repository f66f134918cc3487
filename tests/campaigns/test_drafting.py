"""Writing a draft: never over a newer version, never what is switched off, and always with its editor."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns import drafting, editors, sender_choice
from campaigns.drafting import Stale
from campaigns.lifecycle import MoveRefused
from campaigns.models import Message, MessageAudience, MessageContent
from channels.models import Sender
from engage.orgs.access import NotAllowed
from engage.orgs.founding import add_unit
from engage.orgs.models import Org, OrgSettings, User
from tests.campaigns.factories import EMAIL, Story, access, audience, campaign, person, sender, settings_of
from tests.factories import NOW


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


def _save(story: Story, message: Message, step: str, by: User | None = None, **changes: Any) -> Message:
    fresh = Message.objects.for_org(story.org).get(pk=message.pk)
    return drafting.save(
        fresh,
        step,
        changes,
        access=access(by or story.writer, story.org),
        settings=settings_of(story.org),
        at=NOW,
        revision=fresh.revision,
    )


def test_a_save_notes_its_editor_and_its_section(story: Story) -> None:
    """C-18, C-28"""
    draft = story.to("draft")
    saved = _save(story, draft, "content", by=story.approver, content={"subject": "Other"})
    assert saved.revision == draft.revision + 1
    assert story.approver.pk in editors.since_last_approval(saved)
    assert MessageContent.objects.for_org(story.org).get().fields == EMAIL | {"subject": "Other"}


def test_saving_what_is_there_already_changes_nothing(story: Story) -> None:
    """C-18, C-28: a form posted twice makes nobody an editor."""
    draft = story.to("draft")
    chosen = MessageAudience.objects.for_org(story.org).get().audience
    for step, changes in (
        ("basics", {"title": draft.title, "channel": "email"}),
        ("content", {"content": EMAIL}),
        ("audience", {"include": [chosen], "exclude": [], "freeze_audience": "at_run"}),
    ):
        assert _save(story, draft, step, by=story.approver, **changes).revision == draft.revision
    assert story.approver.pk not in editors.since_last_approval(draft)


def test_a_save_over_a_newer_version_is_refused_and_hands_back_the_newest(story: Story) -> None:
    """C-18, Q-36"""
    draft = story.to("draft")
    _save(story, draft, "basics", title="Theirs")
    with pytest.raises(Stale) as stale:
        drafting.save(
            draft,
            "basics",
            {"title": "Mine"},
            access=access(story.writer, story.org),
            settings=settings_of(story.org),
            at=NOW,
            revision=draft.revision,
        )
    assert stale.value.newest.title == "Theirs"


@pytest.mark.parametrize("status", ["awaiting", "rejected", "scheduled", "sending", "completed"])
def test_only_a_draft_is_written(story: Story, status: str) -> None:
    """C-19, C-29"""
    message = story.to(status)
    with pytest.raises(MoveRefused, match="Press Edit first"):
        _save(story, message, "basics", title="Another")


def test_another_channel_brings_its_own_sender_and_keeps_the_former_content(story: Story) -> None:
    """T-06, Q-36"""
    draft = story.to("draft")
    texting = sender(story.org, channel="sms", identity="ACME", adapter="gateway")
    saved = _save(story, draft, "basics", title=draft.title, channel="sms")
    assert saved.sender == texting
    _save(story, draft, "content", content={"text": "Hello", "allow_unicode": True})
    back = _save(story, draft, "basics", title=draft.title, channel="email")
    assert MessageContent.objects.for_org(story.org).get(message=back, channel="email").fields == EMAIL
    assert MessageContent.objects.for_org(story.org).get(channel="sms").fields["text"] == "Hello"


def test_audiences_are_included_or_excluded_once(story: Story) -> None:
    """C-14, A-39"""
    draft = story.to("draft")
    gold, staff = (audience(story.org, story.writer) for _ in range(2))
    _save(story, draft, "audience", include=[gold], exclude=[staff], freeze_audience="at_approval")
    rows = MessageAudience.objects.for_org(story.org).filter(message=draft)
    assert dict(rows.values_list("audience", "exclude")) == {gold.pk: False, staff.pk: True}


@pytest.mark.parametrize(
    ("step", "changes", "right", "switch"),
    [
        ("basics", {"message_class": "service"}, "message.service", "service_class"),
        ("delivery", {"send_to_control": True}, "message.override", "send_to_control"),
    ],
)
def test_exceptions_need_their_right_and_their_switch(
    story: Story, step: str, changes: dict[str, Any], right: str, switch: str
) -> None:
    """C-15, C-16, T-12, T-22"""
    draft = story.to("draft")
    with pytest.raises(NotAllowed) as refused:
        _save(story, draft, step, **changes)
    assert refused.value.right == right
    with pytest.raises(MoveRefused, match="switched off"):
        _save(story, draft, step, by=story.admin, **changes)
    OrgSettings.objects.for_org(story.org).update(**{switch: True})
    saved = _save(story, draft, step, by=story.admin, **changes)
    assert getattr(saved, next(iter(changes))) == next(iter(changes.values()))


def test_writing_needs_the_right(story: Story) -> None:
    """T-12"""
    draft = story.to("draft")
    with pytest.raises(NotAllowed):
        _save(story, draft, "basics", by=person(story.org, "analyst"), title="Another")


def test_a_units_campaign_is_offered_its_own_senders_shared_ones_and_the_orgs_default(story: Story) -> None:
    """T-06, H-30"""
    north = add_unit(story.org, name="North", code="north", by=None, at=NOW)
    south = add_unit(story.org, name="South", code="south", by=None, at=NOW)
    of_north = sender(story.org, unit=north)
    default = sender(story.org, is_default=True)
    shared = sender(story.org, shared_units=[north.pk])
    everywhere = sender(story.org, shared_units=["*"])
    sender(story.org, shared_units=[south.pk])
    sender(story.org, unit=south)
    sender(story.org, unit=north, status=Sender.Status.PAUSED)
    found = sender_choice.offered(campaign(story.org, story.admin, unit=north), "email")
    assert found[:2] == [of_north, default]
    assert set(found) == {of_north, default, shared, everywhere}
