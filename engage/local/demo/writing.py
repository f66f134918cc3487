"""What the demo's people do with a message before it goes out, by the product's own verbs. Inside the org's context."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from audiences.models import Audience
from campaigns import drafting, funnel, lifecycle, versions
from campaigns.models import Campaign, Message
from channels.models import Sender
from engage.local.demo.tenants import Tenant

STEP = timedelta(minutes=10)


def write(
    tenant: Tenant,
    campaign: Campaign,
    *,
    title: str,
    sender: str,
    audience: Audience,
    content: dict[str, str],
    at: datetime,
    channel: str = "email",
    **schedule: Any,
) -> Message:
    """A draft of the writer's, made at `at`; its audience and content are saved in the half hour after."""
    message = lifecycle.create(
        campaign,
        title=title,
        by=tenant.writer,
        at=at,
        channel=channel,
        sender=Sender.objects.for_org(tenant.org).get(channel=channel, name=sender),
        **schedule,
    )
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("audience", {"include": [audience]}),
        ("content", {"content": content}),
    )
    for place, (step, change) in enumerate(changes, 1):
        message = drafting.save(
            message, step, change, access=tenant.access(tenant.writer), settings=tenant.settings,
            at=at + place * STEP, revision=message.revision,
        )  # fmt: skip
    return message


def submit(tenant: Tenant, message: Message, *, at: datetime) -> Message:
    """By its writer, with the number of people that the review page would show."""
    return lifecycle.submit(message, by=tenant.writer, at=at, targeted=_targeted(tenant, message, at))


def approve(tenant: Tenant, message: Message, *, at: datetime) -> Message:
    """By somebody who did not write it, for the hash that the approval page would show."""
    seen = versions.hash_of(versions.build(message, message.campaign, tenant.settings))
    count = _targeted(tenant, message, at)
    return lifecycle.approve(message, by=tenant.approver, seen=seen, at=at, targeted=count)


def _targeted(tenant: Tenant, message: Message, at: datetime) -> int:
    body = versions.build(message, message.campaign, tenant.settings)
    return funnel.preview(tenant.org, body, tenant.settings, at=at).targeted
