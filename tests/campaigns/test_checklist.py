"""What stops a submission, and what only warns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from audiences.models import Audience, AudienceVersion, Store
from campaigns import checklist, editors, lifecycle, schedule
from campaigns.checklist import Line
from campaigns.lifecycle import MoveRefused
from campaigns.models import Campaign, Message, MessageAudience, MessageContent, TestSend
from channels.models import Sender
from engage.orgs.models import Org, OrgSettings
from tests.campaigns.factories import Story, settings_of
from tests.factories import NOW


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


def _lines(story: Story, message: Message, **more: object) -> list[Line]:
    fresh = Message.objects.for_org(story.org).get(pk=message.pk)
    facts = checklist.Facts(fresh, fresh.campaign, settings_of(story.org), NOW, **more)  # type: ignore[arg-type]
    return checklist.judge(facts)


def _html(story: Story, html: str) -> None:
    row = MessageContent.objects.for_org(story.org).get()
    row.fields = row.fields | {"html": html}
    row.save()


def _at(story: Story, on: date, clock: time) -> None:
    Message.objects.for_org(story.org).update(mode="dated", send_on=on, send_time=clock)


UNSUBSCRIBE = '<a href="{{ unsubscribe }}">Unsubscribe</a>'
BLOCKERS: dict[str, tuple[Callable[[Story], object], str]] = {
    "no audience": (lambda s: MessageAudience.objects.for_org(s.org).delete(), "audience"),
    "only an excluded audience": (
        lambda s: MessageAudience.objects.for_org(s.org).update(exclude=True),
        "audience",
    ),
    "an audience still being read": (
        lambda s: Audience.objects.for_org(s.org).update(current=None),
        "audience",
    ),
    "a list of which over half was rejected": (
        lambda s: AudienceVersion.objects.for_org(s.org).update(usable=False),
        "audience",
    ),
    "an archived audience": (lambda s: Audience.objects.for_org(s.org).update(archived_at=NOW), "audience"),
    "no content": (lambda s: MessageContent.objects.for_org(s.org).delete(), "content"),
    "no unsubscribe link": (lambda s: _html(s, "<p>Come in.</p>"), "content"),
    "a hidden unsubscribe link": (
        lambda s: _html(s, f'<div style="display:none">{UNSUBSCRIBE}</div>'),
        "content",
    ),
    "an unknown merge tag": (lambda s: _html(s, "{{ customer.shoe }}" + UNSUBSCRIBE), "content"),
    "a broken link": (lambda s: _html(s, '<a href="https://">x</a>' + UNSUBSCRIBE), "content"),
    "a subject too long for everybody": (
        lambda s: MessageContent.objects.for_org(s.org).update(
            fields={"subject": "x" * 151, "html": f"<p>{UNSUBSCRIBE}</p>"}
        ),
        "content",
    ),
    "no sender": (lambda s: Message.objects.for_org(s.org).update(sender=None), "delivery"),
    "a sender that is not active": (
        lambda s: Sender.objects.for_org(s.org).update(status="paused"),
        "delivery",
    ),
    "a sender of another channel": (
        lambda s: Sender.objects.for_org(s.org).update(channel="sms"),
        "delivery",
    ),
    "no time": (lambda s: Message.objects.for_org(s.org).update(mode="dated"), "schedule"),
    "a time in the past": (lambda s: _at(s, date(2026, 11, 24), time(15, 29)), "schedule"),
    "a time after the campaign": (lambda s: _at(s, date(2026, 12, 25), time(12, 0)), "schedule"),
    "a picked value that is gone": (
        lambda s: Campaign.objects.for_org(s.org).update(
            objective="visits", objective_values={"stores": ["S9"]}
        ),
        "campaign",
    ),
}


@pytest.mark.parametrize("case", BLOCKERS)
def test_a_blocker_stops_the_submission_and_names_its_step(story: Story, case: str) -> None:
    """C-25, C-04, Q-16"""
    draft = story.to("draft")
    assert [line for line in _lines(story, draft) if line.blocks] == []
    spoil, step = BLOCKERS[case]
    spoil(story)
    blocking = [line for line in _lines(story, draft) if line.blocks]
    assert step in {line.step for line in blocking}
    with pytest.raises(MoveRefused, match="Not ready"):
        lifecycle.submit(draft, by=story.writer, at=NOW)


def test_nobody_in_the_audience_blocks(story: Story) -> None:
    """C-25"""
    draft = story.to("draft")
    with pytest.raises(MoveRefused, match="Nobody"):
        lifecycle.submit(draft, by=story.writer, at=NOW, targeted=0)


@pytest.mark.parametrize(
    ("typed", "stopped"), [(None, True), (40_000, True), (60_000, False), (60_500, False), (61_000, True)]
)
def test_a_large_send_needs_its_number_typed(story: Story, typed: int | None, stopped: bool) -> None:
    """C-25"""
    draft = story.to("draft")
    Message.objects.for_org(story.org).update(typed_recipients=typed)
    codes = {line.code for line in _lines(story, draft, targeted=60_000) if line.blocks}
    assert codes == ({"large_send"} if stopped else set())
    assert not [line for line in _lines(story, draft, targeted=50_000) if line.blocks]


WARNINGS: dict[str, tuple[Callable[[Story], object], str]] = {
    "due in quiet hours": (lambda s: _at(s, date(2026, 11, 25), time(8, 0)), "quiet_hours"),
    "no control": (lambda s: Campaign.objects.for_org(s.org).update(control_permille=0), "no_control"),
    "sent to control": (
        lambda s: Message.objects.for_org(s.org).update(send_to_control=True),
        "sent_to_control",
    ),
    "an old list": (
        lambda s: (
            Audience.objects.for_org(s.org).update(kind="upload"),
            AudienceVersion.objects.for_org(s.org).update(created_at=NOW - timedelta(days=8)),
        ),
        "old_list",
    ),
    "a picture without text": (
        lambda s: _html(s, f'<img src="https://x.example/a.png"><p>{UNSUBSCRIBE}</p>'),
        "content",
    ),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_a_warning_does_not_stop_the_submission(story: Story, case: str) -> None:
    """C-26"""
    draft = story.to("draft")
    spoil, code = WARNINGS[case]
    assert code not in {line.code for line in _lines(story, draft)}
    spoil(story)
    assert code in {line.code for line in _lines(story, draft)}
    assert lifecycle.submit(draft, by=story.writer, at=NOW, targeted=10).status == "awaiting"


def test_missing_merge_values_and_overlap_are_told_with_their_number(story: Story) -> None:
    """C-26, H-07"""
    draft = story.to("draft")
    lines = _lines(story, draft, content_errors=1234, overlapping=["Winter drop"])
    told = {line.code: line.text for line in lines}
    assert "1,234 customers" in told["merge_values"]
    assert "Winter drop" in told["overlap"]


def test_an_edit_after_the_last_test_asks_for_another(story: Story) -> None:
    """C-26, C-48"""
    draft = story.to("draft")
    assert "untested" in {line.code for line in _lines(story, draft)}
    TestSend.objects.create(
        org=story.org, message=draft, user=story.writer, address="a@x.example", at=NOW, finished_at=NOW
    )
    assert "untested" not in {line.code for line in _lines(story, draft)}
    editors.record(draft, story.writer, "content", at=NOW + timedelta(seconds=1))
    assert "untested" in {line.code for line in _lines(story, draft)}


def test_quiet_hours_do_not_concern_service_messages(story: Story) -> None:
    """C-16, C-40"""
    draft = story.to("draft")
    _at(story, date(2026, 11, 25), time(8, 0))
    Message.objects.for_org(story.org).update(message_class="service")
    assert "quiet_hours" not in {line.code for line in _lines(story, draft)}


def test_a_value_that_exists_blocks_nothing(story: Story) -> None:
    """C-04, C-25"""
    draft = story.to("draft")
    Store.objects.create(org=story.org, code="S9", name="Nine")
    Campaign.objects.for_org(story.org).update(objective="visits", objective_values={"stores": ["S9"]})
    assert not [line for line in _lines(story, draft) if line.blocks]


@pytest.mark.parametrize(
    ("zone", "on", "clock", "expected"),
    [
        ("Asia/Kolkata", date(2026, 11, 25), time(9, 0), "2026-11-25T03:30:00+00:00"),
        # The clocks skip 02:00-03:00: the first valid minute after the gap.
        ("Europe/Berlin", date(2026, 3, 29), time(2, 30), "2026-03-29T01:00:00+00:00"),
        # The clocks show 02:30 twice: the first time.
        ("Europe/Berlin", date(2026, 10, 25), time(2, 30), "2026-10-25T00:30:00+00:00"),
    ],
)
def test_a_date_and_a_time_are_one_instant(
    story: Story, zone: str, on: date, clock: time, expected: str
) -> None:
    """C-37, T-24: in the zone the schedule was made in, whatever the org's is now."""
    draft = Message(mode="dated", send_on=on, send_time=clock, zone=zone)
    planned = schedule.planned_at(draft)
    assert planned is not None
    assert planned.isoformat() == expected
    assert planned.astimezone(ZoneInfo(zone)).date() == on
    OrgSettings.objects.for_org(story.org).update(time_zone="UTC")
    assert schedule.planned_at(draft) == planned
