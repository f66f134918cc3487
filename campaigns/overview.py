"""A campaign's messages as its page shows them (C-54)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import OuterRef, Subquery

from campaigns import progress, schedule, wording
from campaigns.models import Campaign, Message, MessageAudience, MessageVersion
from campaigns.progress import Progress
from engage.orgs.models import OrgSettings


@dataclass(frozen=True)
class Line:
    """One message. `size` is its audience: of its runs, else of what was last submitted; None before that."""

    message: Message
    label: str
    look: wording.Look
    why: str
    counts: Progress
    size: int | None
    planned_at: datetime | None
    included: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)

    @property
    def channel(self) -> tuple[str, str]:
        return wording.CHANNELS[self.message.channel]

    @property
    def delivery_rate(self) -> Decimal | None:
        """In percent."""
        share = self.counts.delivery_share
        return None if share is None else 100 * share

    @property
    def band(self) -> tuple[str, str]:
        return wording.band(self.counts.delivery_share)


def lines(campaign: Campaign, settings: OrgSettings, *, at: datetime) -> list[Line]:
    """The messages in the order they were made; a fixed number of queries."""
    org_id = campaign.org_id
    versions = MessageVersion.objects.for_org(org_id).filter(message=OuterRef("pk")).order_by("-number")
    messages = (
        Message.objects.for_org(org_id)
        .filter(campaign=campaign)
        .annotate(submitted_size=Subquery(versions.values("targeted")[:1]))
        .order_by("pk")
    )
    found = list(messages)
    counts = progress.of_messages(org_id, [message.pk for message in found])
    made = {}
    for message in found:
        message.campaign = campaign
        was_read = message.run_id is not None and message.status != Message.Status.PREPARING
        made[message.pk] = Line(
            message=message,
            label=wording.label(message, counts[message.pk]),
            look=wording.LOOKS[message.status],
            why=wording.why(message, campaign, settings, at=at, counts=counts[message.pk]),
            counts=counts[message.pk],
            size=counts[message.pk].targeted if was_read else message.submitted_size,
            planned_at=message.due_at or schedule.planned_at(message),
        )
    _name_audiences(org_id, made)
    return list(made.values())


def _name_audiences(org_id: int, made: dict[int, Line]) -> None:
    rows = MessageAudience.objects.for_org(org_id).filter(message_id__in=list(made))
    for pk, name, excluded in rows.order_by("pk").values_list("message_id", "audience__name", "exclude"):
        (made[pk].excluded if excluded else made[pk].included).append(name)
