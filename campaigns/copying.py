"""Duplicates: all but dates, approvals, runs and results (C-09)."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from itertools import count

from campaigns import lifecycle
from campaigns.models import Campaign, Message, MessageAudience, MessageContent
from engage.orgs.models import User

COPIED = (
    "message_class",
    "strategy",
    "channel",
    "sender",
    "mode",
    "short_links",
    "track_links",
    "send_to_control",
    "ignore_limits",
    "freeze_audience",
    "copy_group",
    "throttle_per_hour",
    "throttle_from",
    "throttle_until",
)


def message(original: Message, *, into: Campaign, title: str, by: User, at: datetime) -> Message:
    """A draft like the original, in this campaign. Raises what `lifecycle.create` raises."""
    fields = {name: getattr(original, name) for name in COPIED}
    copy = lifecycle.create(into, title=title, by=by, at=at, **fields)
    org_id = original.org_id
    MessageContent.objects.bulk_create(
        MessageContent(
            org_id=org_id,
            message=copy,
            slot=row.slot,
            variant=row.variant,
            channel=row.channel,
            fields=row.fields,
        )
        for row in MessageContent.objects.for_org(org_id).filter(message=original)
    )
    MessageAudience.objects.bulk_create(
        MessageAudience(org_id=org_id, message=copy, audience=row.audience, exclude=row.exclude)
        for row in MessageAudience.objects.for_org(org_id).filter(message=original)
    )
    return copy


def beside(original: Message, *, by: User, at: datetime) -> Message:
    """A copy in the same campaign, under a title that is free there."""
    titles = Message.objects.for_org(original.org_id).filter(campaign_id=original.campaign_id)
    title = free_name(original.title, longest=100, taken=set(titles.values_list("title", flat=True)))
    return message(original, into=original.campaign, title=title, by=by, at=at)


def free_name(name: str, *, longest: int, taken: Container[str]) -> str:
    """“Name (copy)”, “Name (copy 2)” … the first that is free."""
    for number in count(1):
        suffix = " (copy)" if number == 1 else f" (copy {number})"
        candidate = name[: longest - len(suffix)] + suffix
        if candidate not in taken:
            return candidate
    raise AssertionError("unreachable")
