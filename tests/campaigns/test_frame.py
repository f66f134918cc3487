"""The rules of a campaign."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from campaigns import copying, frame, lifecycle
from campaigns.frame import CampaignRefused, Stale
from campaigns.models import Campaign, Message, MessageAudience, MessageContent
from campaigns.signals import campaign_created
from engage.orgs.access import NotAllowed
from engage.orgs.founding import add_unit
from engage.orgs.models import AuditEntry, Org, OrgSettings
from tests.campaigns.factories import Story, access, campaign, message, person, seen, settings_of
from tests.factories import NOW

TODAY = date(2026, 11, 24)


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


def _change(story: Story, of: Campaign, **changes: Any) -> Campaign:
    fresh = Campaign.objects.for_org(story.org).get(pk=of.pk)
    return frame.change(
        fresh,
        changes,
        access=access(story.writer, story.org),
        settings=settings_of(story.org),
        at=NOW,
        revision=fresh.revision,
    )


@pytest.mark.parametrize(
    ("start_on", "end_on", "field"),
    [
        (TODAY, TODAY, ""),
        (TODAY - timedelta(days=1), TODAY, "start_on"),
        (TODAY + timedelta(days=1), TODAY, "end_on"),
        (TODAY, date(2028, 11, 24), ""),
        (TODAY, date(2028, 11, 25), "end_on"),
        (date(2028, 2, 29), date(2030, 2, 28), ""),
        (date(2028, 2, 29), date(2030, 3, 1), "end_on"),
    ],
)
def test_dates_begin_today_and_last_two_years_at_most(
    story: Story, start_on: date, end_on: date, field: str
) -> None:
    """C-02"""
    if not field:
        assert campaign(story.org, story.writer, start_on=start_on, end_on=end_on).pk
        return
    with pytest.raises(CampaignRefused) as refused:
        campaign(story.org, story.writer, start_on=start_on, end_on=end_on)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("hour_utc", "day", "status"),
    [
        ("2026-11-23T18:29:59", 0, "upcoming"),  # 23:59:59 in Kolkata
        ("2026-11-23T18:30:00", 0, "live"),
        ("2026-11-25T18:29:59", 1, "live"),
        ("2026-11-25T18:30:00", 1, "lapsed"),
    ],
)
def test_status_follows_from_the_dates_in_org_time(
    story: Story, hour_utc: str, day: int, status: str
) -> None:
    """C-07, C-02"""
    made = Campaign(start_on=TODAY, end_on=TODAY + timedelta(days=day))
    at = datetime.fromisoformat(hour_utc).replace(tzinfo=UTC)
    zone = settings_of(story.org).zone
    assert made.status(settings_of(story.org).today(at)) == status
    assert (made.starts_at(zone) <= at < made.ends_at(zone)) == (status == "live")


ONE_OF_EACH = {
    "name": "Another name",
    "start_on": TODAY + timedelta(days=1),
    "end_on": TODAY + timedelta(days=9),  # earlier than the 30 days
    "own_control": True,
    "control_permille": 200,
    "analytics_campaign": "spring",
    "analytics_source": "letter",
}


@pytest.mark.parametrize("field", ONE_OF_EACH)
def test_after_the_first_approval_a_field_is_locked(story: Story, field: str) -> None:
    """C-06"""
    free = story.to("awaiting").campaign
    _change(story, free, **{field: ONE_OF_EACH[field]})
    locked = story.to("scheduled").campaign
    with pytest.raises(CampaignRefused) as refused:
        _change(story, locked, **{field: ONE_OF_EACH[field]})
    assert refused.value.field == field


def test_after_the_first_approval_some_things_stay_possible(story: Story) -> None:
    """C-06: words, a later end, an objective where there was none."""
    approved = story.to("scheduled").campaign
    later = approved.end_on + timedelta(days=9)
    changed = _change(story, approved, description="Words", end_on=later, objective="sales")
    assert (changed.description, changed.end_on, changed.objective) == ("Words", later, "sales")
    with pytest.raises(CampaignRefused) as refused:
        _change(story, approved, objective="visits")
    assert refused.value.field == "objective"


def test_locks_stay_when_the_approved_message_is_gone(story: Story) -> None:
    """C-06, C-20"""
    scheduled = story.to("scheduled")
    lifecycle.delete(scheduled, by=story.writer, at=NOW)
    with pytest.raises(CampaignRefused):
        _change(story, scheduled.campaign, name="Another")


@pytest.mark.parametrize(
    ("changes", "recalled"),
    [
        ({"start_on": TODAY + timedelta(days=1)}, True),
        ({"end_on": TODAY + timedelta(days=9)}, True),
        ({"end_on": TODAY + timedelta(days=60)}, False),
        ({"own_control": True, "control_permille": 200}, True),
        ({"analytics_campaign": "spring"}, True),
        ({"description": "Words"}, False),
        ({"name": "Another"}, False),
    ],
)
def test_what_changes_the_sending_returns_waiting_messages_and_counts_as_an_edit(
    story: Story, changes: dict[str, Any], recalled: bool
) -> None:
    """C-06, C-28"""
    waiting = story.to("awaiting")
    draft = message(waiting.campaign, story.writer)
    changer = person(story.org, "approver")
    fresh = Campaign.objects.for_org(story.org).get(pk=waiting.campaign_id)
    frame.change(
        fresh,
        changes,
        access=access(changer, story.org),
        settings=settings_of(story.org),
        at=NOW,
        revision=fresh.revision,
    )
    waiting = Message.objects.for_org(story.org).get(pk=waiting.pk)
    assert waiting.status == ("draft" if recalled else "awaiting")
    for touched in (waiting, draft):
        if touched.status == "draft":
            lifecycle.submit(Message.objects.for_org(story.org).get(pk=touched.pk), by=story.writer, at=NOW)
        current = Message.objects.for_org(story.org).get(pk=touched.pk)
        if recalled:
            with pytest.raises(lifecycle.MoveRefused, match="did not write"):
                lifecycle.approve(current, by=changer, seen=seen(current), at=NOW)
        else:
            lifecycle.approve(current, by=changer, seen=seen(current), at=NOW)


def test_a_save_over_a_newer_version_is_refused(story: Story) -> None:
    """C-18"""
    made = campaign(story.org, story.writer)
    _change(story, made, description="Mine")
    with pytest.raises(Stale) as stale:
        frame.change(
            made,
            {"description": "Theirs"},
            access=access(story.writer, story.org),
            settings=settings_of(story.org),
            at=NOW,
            revision=1,
        )
    assert stale.value.newest.description == "Mine"


def test_a_campaign_keeps_the_share_it_was_made_with(story: Story) -> None:
    """T-25, A-40, C-05"""
    made = campaign(story.org, story.writer)
    own = campaign(story.org, story.writer, own_control=True, control_permille=250)
    OrgSettings.objects.for_org(story.org).update(control_permille=300)
    later = campaign(story.org, story.writer)
    assert _change(story, made, description="Words").control_permille == 100
    assert (own.control_permille, later.control_permille) == (250, 300)


def test_only_a_campaign_without_an_approval_is_deleted(story: Story) -> None:
    """C-08"""
    writer = access(story.writer, story.org)
    waiting, scheduled = story.to("awaiting").campaign, story.to("scheduled").campaign
    frame.delete(waiting, access=writer, at=NOW)
    assert not Message.objects.for_org(story.org).filter(campaign_id=waiting.pk).exists()
    assert AuditEntry.objects.for_org(story.org).filter(action="campaign.deleted").count() == 1
    scheduled.refresh_from_db()
    with pytest.raises(CampaignRefused, match="archived"):
        frame.delete(scheduled, access=writer, at=NOW)


def test_a_campaign_is_archived_once_it_has_lapsed(story: Story) -> None:
    """C-08"""
    made = campaign(story.org, story.writer)
    who: dict[str, Any] = {"access": access(story.writer, story.org), "settings": settings_of(story.org)}
    with pytest.raises(CampaignRefused, match="lapsed"):
        frame.archive(made, at=NOW, **who)
    later = NOW + timedelta(days=40)
    assert frame.archive(made, at=later, **who).archived_at == later
    assert frame.archive(made, at=later + timedelta(days=1), **who).archived_at == later
    with pytest.raises(lifecycle.MoveRefused, match="over"):
        lifecycle.create(made, title="Late", by=story.writer, at=later)
    assert frame.restore(made, access=who["access"], at=later).archived_at is None


def test_a_lapsed_campaign_takes_messages_again_when_it_is_extended(story: Story) -> None:
    """C-07, C-11"""
    made = campaign(story.org, story.writer, days=1)
    later = NOW + timedelta(days=5)
    with pytest.raises(lifecycle.MoveRefused, match="over"):
        lifecycle.create(made, title="Late", by=story.writer, at=later)
    _change(story, made, end_on=TODAY + timedelta(days=10))
    assert lifecycle.create(made, title="Late", by=story.writer, at=later).status == "draft"


def test_a_duplicate_has_all_but_dates_approvals_runs_and_results(story: Story) -> None:
    """C-09"""
    original = story.to("completed")
    later = NOW + timedelta(days=50)
    copy = frame.duplicate(
        original.campaign,
        access=access(story.writer, story.org),
        settings=settings_of(story.org),
        at=later,
    )
    assert (copy.name, copy.start_on) == (f"{original.campaign.name} (copy)", TODAY + timedelta(days=50))
    assert copy.end_on - copy.start_on == original.campaign.end_on - original.campaign.start_on
    assert copy.first_approved_at is None
    (draft,) = Message.objects.for_org(story.org).filter(campaign=copy)
    assert (draft.status, draft.title, draft.run, draft.due_at) == ("draft", original.title, None, None)
    assert not draft.versions.for_org(story.org).exists()

    def parts(of: Message) -> tuple[Any, Any]:
        contents = (
            MessageContent.objects.for_org(story.org).filter(message=of).values_list("fields", flat=True)
        )
        rows = MessageAudience.objects.for_org(story.org).filter(message=of)
        return list(contents), list(rows.values_list("audience", "exclude", "pinned"))

    assert parts(draft)[0] == parts(original)[0]
    assert [row[:2] for row in parts(draft)[1]] == [row[:2] for row in parts(original)[1]]
    twin = copying.beside(draft, by=story.writer, at=later)
    assert (twin.title, twin.campaign) == (f"{original.title} (copy)", copy)
    assert copying.beside(draft, by=story.writer, at=later).title == f"{original.title} (copy 2)"


def test_the_signal_is_sent_inside_the_creating_transaction(story: Story) -> None:
    """G-04: what listens may copy the org's default goal, or stop the creation."""

    class Enough(Exception):
        pass

    def listener(campaign: Campaign, **_: Any) -> None:
        assert Campaign.objects.for_org(story.org).filter(pk=campaign.pk).exists()
        raise Enough

    before = Campaign.objects.for_org(story.org).count()
    campaign_created.connect(listener)
    try:
        with pytest.raises(Enough):
            campaign(story.org, story.writer)
    finally:
        campaign_created.disconnect(listener)
    assert Campaign.objects.for_org(story.org).count() == before


def test_a_campaign_is_made_only_for_an_owner_in_scope(story: Story) -> None:
    """T-03, T-08"""
    north = add_unit(story.org, name="North", code="north", by=None, at=NOW)
    south = add_unit(story.org, name="South", code="south", by=None, at=NOW)
    marketer = person(story.org, "marketer", units=[north])
    assert campaign(story.org, marketer, unit=north).unit == north
    for unit in (south, None):
        with pytest.raises(NotAllowed):
            campaign(story.org, marketer, unit=unit)
    with pytest.raises(NotAllowed):
        campaign(story.org, person(story.org, "analyst"))


def test_the_owner_never_changes(story: Story) -> None:
    """C-06, T-03"""
    unit = add_unit(story.org, name="North", code="north", by=None, at=NOW)
    made = campaign(story.org, story.writer)
    assert _change(story, made, unit=unit, description="Words").unit is None
