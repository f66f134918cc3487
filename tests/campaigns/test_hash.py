"""The hash of a message covers everything that decides who gets what and when, and nothing else (C-29, Q-11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.db.models import Model

from audiences.models import Audience, AudienceVersion
from campaigns import difference, versions
from campaigns.body import Body, NotCanonical, hash_text
from campaigns.models import BrandContact, Campaign, Message, MessageAudience, MessageContent
from channels.models import Sender
from engage.orgs.models import Org, OrgSettings, OrgUnit
from tests.campaigns.factories import Story, audience, message, new_version, seen, settings_of
from tests.factories import NOW

# Every field of every model that a body is built from is in one of the two: changed by a test below, or named here with
# the reason why it decides nothing.
DECIDES: dict[type[Model], dict[str, Any]] = {
    Message: {
        "title": "Another title",  # utm_content
        "message_class": "service",
        "strategy": None,  # one value so far
        "channel": None,  # changed together with content: test_another_channel…
        "sender": None,  # test_another_sender…
        "mode": None,  # test_another_time…
        "send_on": None,
        "send_time": None,
        "zone": "Europe/Berlin",
        "short_links": False,
        "track_links": False,
        "send_to_control": True,
        "ignore_limits": True,
        "freeze_audience": "at_approval",
        "copy_group": "Brand team",
        "throttle_per_hour": 500,
        "throttle_from": None,  # both together: test_another_pace…
        "throttle_until": None,
    },
    Campaign: {
        "unit": None,  # test_another_owner…
        "name": "Another name",
        "start_on": NOW.date() + timedelta(days=1),
        "end_on": NOW.date() + timedelta(days=9),
        "control_permille": 55,
        "split": "org:1",
        "analytics_campaign": "spring",
        "analytics_source": "letter",
    },
    OrgSettings: {
        "legal_name": "Another Ltd",
        "postal_address": "Elsewhere",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "language": "de",
        "number_format": "eu",
        "quiet_from": time(20, 0),
        "quiet_until": time(8, 0),
        "one_send_per_address": False,
        "unset_promotional": "no",
        "unset_service": None,  # of the other class: test_the_consent_of_its_class…
        "link_tracking": False,
        "open_tracking": False,
    },
    Sender: {
        "id": None,
        "identity": "other@acme.example",
        "display_name": "Other",
        "reply_to": "reply@acme.example",
        "adapter": "sandbox-email",
        "channel": None,  # the message's own
    },
    MessageContent: {"fields": None, "slot": None, "variant": None, "channel": None},
    MessageAudience: {"audience": None, "exclude": True, "pinned": None},
    AudienceVersion: {"id": None, "digest": "f" * 64, "audience": None},
    Audience: {"current": None, "kind": "upload"},
    Org: {"name": "Another Org"},
    # send/test_brand_copies.py: test_the_group_and_its_addresses_are_in_the_hash
    BrandContact: {"channel": None, "address": None, "group": None},
}
DECIDES_NOTHING: dict[type[Model], set[str]] = {
    Message: {
        "id", "org", "campaign", "typed_recipients", "status", "status_at", "status_reason", "paused_from", "due_at",
        "hold_until", "approved_version", "approved_count", "run", "created_by", "created_at", "updated_at", "revision",
    },
    Campaign: {
        "id", "org", "kind", "description", "objective", "objective_values", "own_control", "created_by", "created_at",
        "updated_at", "archived_at", "first_approved_at", "simulated", "revision",
    },
    OrgSettings: {
        "id", "org", "week_start", "control_permille", "control_split", "split_version", "missed_grace_minutes",
        "guard_percent", "guard_customers",
        "large_send", "test_sends_per_day", "upload_megabytes", "incremental_floor", "estimate_share_permille",
        "second_factor", "notify_approval", "notify_sent", "notify_failed", "goals", "template_logic", "service_class",
        "send_to_control", "self_approval", "self_approval_asked_by", "sending_halted_at", "halted_reason", "revision",
    },
    Sender: {
        "org", "unit", "name", "config", "secret", "hook_secret", "hook_hash", "time_zone", "status", "status_reason",
        "is_default", "per_second", "per_day", "shared_units", "backing_off_until", "last_failure", "last_failure_at",
        "created_at", "revision",
    },
    MessageContent: {"id", "org", "message"},
    # `held` follows from the approval: who was in the filter that it holds.
    MessageAudience: {"id", "org", "message", "held"},
    # What an audience is, is told by its version's digest.
    AudienceVersion: {
        "org", "number", "tree", "tags", "size", "reach", "counted_at", "usable", "job", "created_by", "created_at",
    },
    Audience: {"id", "org", "unit", "name", "created_by", "created_at", "updated_at", "archived_at", "revision"},
    Org: {"id", "slug", "created_at"},
    BrandContact: {"id", "org", "name", "created_at"},
}  # fmt: skip


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


@pytest.mark.parametrize("model", DECIDES, ids=lambda model: model.__name__)
def test_every_field_is_known_to_decide_or_not(model: type[Model]) -> None:
    """C-29, Q-11: a new field must be put on one side before it can be used."""
    every = {field.name for field in model._meta.get_fields() if getattr(field, "concrete", False)}
    known = set(DECIDES[model]) | DECIDES_NOTHING[model]
    assert every - known == set()
    assert set(DECIDES[model]) & DECIDES_NOTHING[model] == set()
    assert known - every == set()


CHANGES = [
    (model, field, value)
    for model, decisive in DECIDES.items()
    for field, value in decisive.items()
    if value is not None
]


@pytest.mark.parametrize(
    ("model", "field", "value"), CHANGES, ids=lambda part: getattr(part, "__name__", str(part))
)
def test_any_single_change_changes_the_hash(story: Story, model: type[Model], field: str, value: Any) -> None:
    """C-29, Q-11"""
    draft = story.to("draft")
    before = seen(draft)
    rows = model._default_manager.all()
    if model is not Org:
        rows = model._default_manager.filter(org=story.org)
    assert rows.update(**{field: value}) == 1
    assert seen(_again(draft)) != before


def _again(draft: Message) -> Message:
    return Message.objects.for_org(draft.org_id).get(pk=draft.pk)


def _content(name: str) -> Callable[[Story, Message], None]:
    def change(story: Story, draft: Message) -> None:
        row = MessageContent.objects.for_org(story.org).get(message=draft)
        row.fields = row.fields | {name: f"{row.fields[name]} and more"}
        row.save()

    return change


def _other_link(story: Story, draft: Message) -> None:
    row = MessageContent.objects.for_org(story.org).get(message=draft)
    row.fields = row.fields | {"html": row.fields["html"].replace("/new", "/old")}
    row.save()


def _other_sender(story: Story, draft: Message) -> None:
    twin = Sender.objects.for_org(story.org).get()
    twin.pk = None
    twin.save()
    Message.objects.for_org(story.org).filter(pk=draft.pk).update(sender=twin)


def _dated(story: Story, draft: Message) -> None:
    Message.objects.for_org(story.org).filter(pk=draft.pk).update(
        mode="dated", send_on=NOW.date() + timedelta(days=2), send_time=time(12, 0)
    )


def _owner(story: Story, draft: Message) -> None:
    unit = OrgUnit.objects.create(org=story.org, name="North", code="north", created_at=NOW)
    Campaign.objects.for_org(story.org).update(unit=unit)


def _another_audience(story: Story, draft: Message) -> None:
    MessageAudience.objects.create(org=story.org, message=draft, audience=audience(story.org, story.writer))


def _edited_audience(story: Story, draft: Message) -> None:
    new_version(Audience.objects.for_org(story.org).get(), story.writer, at=NOW)


def _sms(story: Story, draft: Message) -> None:
    MessageContent.objects.create(org=story.org, message=draft, channel="sms", fields={"text": "Hello"})
    Message.objects.for_org(story.org).filter(pk=draft.pk).update(channel="sms")


@pytest.mark.parametrize(
    "change",
    [_content("subject"), _content("preview"), _content("html"), _content("text"), _other_link, _other_sender, _dated,
     _owner, _another_audience, _edited_audience, _sms],
)  # fmt: skip
def test_another_content_sender_time_owner_or_audience_changes_the_hash(
    story: Story, change: Callable[[Story, Message], None]
) -> None:
    """C-29, Q-11"""
    draft = story.to("draft")
    before = seen(draft)
    change(story, draft)
    assert seen(_again(draft)) != before


@pytest.mark.parametrize("change", [{"send_on": date(2026, 11, 27)}, {"send_time": time(12, 1)}])
def test_another_time_changes_the_hash(story: Story, change: dict[str, Any]) -> None:
    """C-29, Q-11"""
    draft = story.to("draft")
    _dated(story, draft)
    before = seen(_again(draft))
    Message.objects.for_org(story.org).filter(pk=draft.pk).update(**change)
    assert seen(_again(draft)) != before


@pytest.mark.parametrize("change", [{"throttle_from": time(9, 1)}, {"throttle_until": time(18, 1)}])
def test_another_pace_changes_the_hash_and_is_told(story: Story, change: dict[str, Any]) -> None:
    """C-29, C-41"""
    draft = story.to("draft", throttle_per_hour=500, throttle_from=time(9), throttle_until=time(18))
    before = versions.build(draft, draft.campaign, settings_of(story.org))
    Message.objects.for_org(story.org).filter(pk=draft.pk).update(**change)
    after = versions.build(_again(draft), draft.campaign, settings_of(story.org))
    assert versions.hash_of(before) != versions.hash_of(after)
    (line,) = (
        line for section in difference.between(before, after) for line in section.lines if line.changed
    )
    assert (line.label, line.before) == ("Throttle", "500 an hour, 09:00-18:00")


def test_the_consent_of_its_class_is_what_counts(story: Story) -> None:
    """C-29, C-16"""
    draft = story.to("draft")
    before = seen(draft)
    OrgSettings.objects.for_org(story.org).update(unset_service="no")
    assert seen(_again(draft)) == before
    Message.objects.for_org(story.org).update(message_class="service")
    assert seen(_again(draft)) != before


def test_what_decides_nothing_changes_nothing(story: Story) -> None:
    """C-29"""
    draft = story.to("draft")
    before = seen(draft)
    Campaign.objects.for_org(story.org).update(description="Other words", objective="sales")
    OrgSettings.objects.for_org(story.org).update(week_start=0, large_send=5)
    Sender.objects.for_org(story.org).update(name="Renamed", per_second=3)
    Audience.objects.for_org(story.org).update(name="Renamed")
    assert seen(_again(draft)) == before


def test_the_stored_text_is_what_the_send_reads(story: Story) -> None:
    """C-29: the body comes back from its text whole, and its hash with it."""
    waiting = story.to("awaiting")
    version = versions.waiting(waiting)
    body = Body.parse(version.body)
    assert body == versions.build(waiting, waiting.campaign, settings_of(story.org))
    assert hash_text(body.text()) == version.hash
    assert [link.target for link in version.links.for_org(story.org)] == ["https://shop.example/new"]


def test_only_text_and_whole_numbers_are_canonical(story: Story) -> None:
    """C-29"""
    body = versions.outline(message_of(story), message_of(story).campaign, settings_of(story.org))
    for wrong in (0.1, True, NOW):
        with pytest.raises(NotCanonical):
            replace(body, title=wrong).text()  # type: ignore[arg-type]


def message_of(story: Story) -> Message:
    found = Message.objects.for_org(story.org).first()
    return found or story.to("draft")


def _mutations(body: Body) -> dict[str, Body]:
    """The body with one field changed, for every field."""
    mutated = {}
    for field in fields(Body):
        value = getattr(body, field.name)
        if field.name in OTHER:
            other: Any = OTHER[field.name]
        elif isinstance(value, int):
            other = 1 - value if value in (0, 1) else value + 1
        elif isinstance(value, str):
            other = value + "x"
        elif isinstance(value, dict):
            other = {**value, "extra": "1"}
        elif field.name == "sender":
            other = replace(value, reply_to="else@acme.example")
        elif value is None:
            other = 7
        else:
            other = []
        mutated[field.name] = replace(body, **{field.name: other})
    return mutated


OTHER: dict[str, Any] = {
    "message_class": "service",
    "channel": "sms",
    "mode": "dated",
    "freeze_audience": "at_approval",
    "unset_consent": "no",
    "throttle": {"per_hour": 500},
    "copies": ["kim@acme.example"],
}
# Named elsewhere on the page, or not to be changed without another message.
NOT_TOLD = {"message", "campaign", "unit", "strategy"}


def test_no_change_of_a_body_is_hidden_from_its_reader(story: Story) -> None:
    """C-31, C-29: every field that changes the hash changes a line of the difference."""
    draft = story.to("draft")
    body = versions.build(draft, draft.campaign, settings_of(story.org))
    for name, mutated in _mutations(body).items():
        if name == "strategy":
            continue  # has one value so far
        assert mutated.text() != body.text(), name
        changed = any(section.changed for section in difference.between(body, mutated))
        assert changed or name in NOT_TOLD, name


def test_a_difference_names_the_section_and_shows_both_sides(story: Story) -> None:
    """C-31"""
    draft = message(story.to("draft").campaign, story.writer)
    body = versions.build(draft, draft.campaign, settings_of(story.org))
    _content("subject")(story, draft)
    after = versions.build(draft, draft.campaign, settings_of(story.org))
    sections = difference.between(body, after, {row.audience: "Gold" for row in body.audiences})
    assert [section.key for section in sections if section.changed] == ["content"]
    (line,) = (line for section in sections for line in section.lines if line.changed)
    assert (line.label, line.after) == ("Subject", f"{line.before} and more")
    assert [mark for mark, _ in line.steps()] == ["-", "+"]
    assert any("Gold" in line.label for line in sections[1].lines)
