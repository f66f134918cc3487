"""Writing a draft, a step at a time: nothing is saved over a newer version, and every change notes its editor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from audiences.models import Audience, MessageClass
from campaigns import editors, sender_choice
from campaigns.lifecycle import MoveRefused
from campaigns.models import Message, MessageAudience, MessageContent
from channels.content import FIELDS
from engage.orgs.access import Access
from engage.orgs.models import OrgSettings

# The fields of each step; audience and content have rows of their own besides.
STEPS: Final[dict[str, tuple[str, ...]]] = {
    "basics": ("title", "message_class", "channel"),
    "audience": ("freeze_audience",),
    "content": (),
    "schedule": ("mode", "send_on", "send_time"),
    "delivery": (
        "sender", "short_links", "track_links", "send_to_control", "ignore_limits", "copy_group",
        "throttle_per_hour", "throttle_from", "throttle_until",
    ),
    "review": ("typed_recipients",),
}  # fmt: skip


class Stale(Exception):
    """Somebody saved a newer version (C-18). `newest` is the message as it is now."""

    def __init__(self, newest: Message) -> None:
        super().__init__(
            "Somebody else changed this message while you were editing it. Both versions are shown."
        )
        self.newest = newest


@transaction.atomic
def save(
    message: Message,
    step: str,
    changes: Mapping[str, Any],
    *,
    access: Access,
    settings: OrgSettings,
    at: datetime,
    revision: int,
) -> Message:
    """Save a step's changed fields. `revision` is the one that the form was made from.

    `include` and `exclude` hold audiences, `content` the fields of the channel's content. Raises `Stale`, `MoveRefused`
    when the message is no draft, `NotAllowed` for what needs a right of its own.
    """
    access.require("message.create")
    draft = _locked(message, revision)
    _judge(changes, access, settings)
    fields = {name: changes[name] for name in STEPS[step] if name in changes}
    changed = [name for name, value in fields.items() if getattr(draft, name) != value]
    for name in changed:
        setattr(draft, name, fields[name])
    if "channel" in changed:
        draft.sender = next(iter(sender_choice.offered(draft.campaign, draft.channel)), None)
    if step == "schedule" and changed:
        draft.zone = settings.time_zone
    touched = bool(changed)
    if step == "audience":
        touched |= _choose(draft, changes.get("include", ()), changes.get("exclude", ()))
    if step == "content":
        touched |= _write(draft, changes.get("content", {}))
    if not touched:
        return draft
    draft.updated_at, draft.revision = at, draft.revision + 1
    draft.save()
    editors.record(draft, access.user, step, at=at)
    return draft


def _locked(message: Message, revision: int) -> Message:
    rows = Message.objects.for_org(message.org_id).select_for_update(no_key=True, of=("self",))
    draft: Message | None = rows.select_related("campaign", "sender").filter(pk=message.pk).first()
    if draft is None:
        raise MoveRefused("The message was deleted by someone else.")
    if draft.revision != revision:
        raise Stale(draft)
    if draft.status != Message.Status.DRAFT:
        label = Message.Status(draft.status).label
        raise MoveRefused(f"“{draft}” is {label}. Press Edit first: it becomes a draft again.")
    return draft


def _judge(changes: Mapping[str, Any], access: Access, settings: OrgSettings) -> None:
    """What is switched off cannot be chosen (T-22), what needs a right needs it (C-15, C-16)."""
    if changes.get("message_class") == MessageClass.SERVICE:
        access.require("message.service")
        if not settings.service_class:
            raise MoveRefused("Service-class messages are switched off for this organisation.")
    if changes.get("ignore_limits") or changes.get("send_to_control"):
        access.require("message.override")
    if changes.get("send_to_control") and not settings.send_to_control:
        raise MoveRefused("Sending to control is switched off for this organisation.")


def _choose(message: Message, include: Iterable[Audience], exclude: Iterable[Audience]) -> bool:
    wanted = {audience.pk: False for audience in include} | {audience.pk: True for audience in exclude}
    rows = MessageAudience.objects.for_org(message.org_id).filter(message=message)
    if dict(rows.values_list("audience_id", "exclude")) == wanted:
        return False
    rows.delete()
    MessageAudience.objects.bulk_create(
        MessageAudience(org_id=message.org_id, message=message, audience_id=pk, exclude=excluded)
        for pk, excluded in wanted.items()
    )
    return True


def _write(message: Message, fields: Mapping[str, Any]) -> bool:
    known = {name: fields[name] for name in FIELDS[message.channel] if name in fields}
    row, made = MessageContent.objects.for_org(message.org_id).get_or_create(
        org_id=message.org_id, message=message, channel=message.channel, slot=0, variant=0
    )
    merged = row.fields | known
    if merged == row.fields and not made:
        return False
    row.fields = merged
    row.save(update_fields=["fields"])
    return bool(known)
