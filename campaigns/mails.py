"""The mails of C-30, with its exact subjects. They name and link org, campaign and message, and hold no customer data.

Each is a notice written in the transaction of the change that it tells of.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings as configuration
from django.db.models import Q

from campaigns import causes, editors
from campaigns.models import Campaign, Message, MessageVersion
from campaigns.situation import Situation
from engage.orgs import notices
from engage.orgs.access import holders
from engage.orgs.doors import org_url
from engage.orgs.models import OrgSettings, User

SUBMITTED = "Alert! Campaign approval needed."
REMINDER = "Reminder: campaign approval needed."
APPROVED = "Campaign message approved."
REJECTED = "Campaign message rejected."
MISSED = "Campaign message missed its schedule."
BLOCKED = "Campaign message needs a decision."
FAILED = "Campaign message failed."
COMPLETED = "Campaign message sent."


def submitted(now: Situation, version: MessageVersion) -> None:
    _ask(now.message, now.campaign, now.settings, version, SUBMITTED, at=now.at)


def reminder(
    message: Message, campaign: Campaign, settings: OrgSettings, version: MessageVersion, *, at: datetime
) -> None:
    _ask(message, campaign, settings, version, REMINDER, at=at)


def _ask(
    message: Message,
    campaign: Campaign,
    settings: OrgSettings,
    version: MessageVersion,
    subject: str,
    *,
    at: datetime,
) -> None:
    people = [user.email for user in may_approve(message, campaign, settings, version)]
    line = f"{version.submitted_by} asks for approval."
    _write(message, campaign, [*people, *_list(settings.notify_approval)], subject, line, at=at)


def may_approve(
    message: Message, campaign: Campaign, settings: OrgSettings, version: MessageVersion
) -> list[User]:
    """Who is asked: those who may approve it now; the submitter only when there is nobody else."""
    able = holders(message.org, "message.approve", campaign.unit_id)
    wrote = set() if settings.self_approval else editors.since_last_approval(message)
    others = [user for user in able if user.pk not in wrote and user.pk != version.submitted_by_id]
    return others or [user for user in able if user.pk == version.submitted_by_id] or able


def approved(now: Situation, version: MessageVersion) -> None:
    marked = " This was a self-approval." if version.self_approved else ""
    line = f"{now.by} approved it.{marked}"
    _write(now.message, now.campaign, _authors(now.message, version), APPROVED, line, at=now.at)


def rejected(now: Situation, version: MessageVersion) -> None:
    line = f"{now.by} rejected it: {version.reason}"
    _write(now.message, now.campaign, _authors(now.message, version), REJECTED, line, at=now.at)


def missed(message: Message, *, at: datetime) -> None:
    """Due, or waiting for approval, until past the grace: to the submitter and the approvers."""
    campaign = message.campaign
    version = MessageVersion.objects.for_org(message.org_id).filter(message=message).first()
    people = [user.email for user in holders(message.org, "message.approve", campaign.unit_id)]
    if version is not None:
        people.append(version.submitted_by.email)
    line = "Its time has passed. Reschedule it and submit it again."
    _write(message, campaign, people, MISSED, line, at=at)


def blocked(now: Situation, reason: str) -> None:
    people = [user.email for user in holders(now.message.org, "message.approve", now.campaign.unit_id)]
    line = causes.of(reason).text
    _write(now.message, now.campaign, [*people, *_list(now.settings.notify_failed)], BLOCKED, line, at=now.at)


def failed(now: Situation, reason: str) -> None:
    version = now.message.approved_version
    people = [version.submitted_by.email] if version else []
    line = f"Nothing was sent. {causes.of(reason).text}"
    _write(now.message, now.campaign, [*people, *_list(now.settings.notify_failed)], FAILED, line, at=now.at)


def completed(now: Situation) -> None:
    line = "The run is complete."
    _write(now.message, now.campaign, _list(now.settings.notify_sent), COMPLETED, line, at=now.at)


def _authors(message: Message, version: MessageVersion) -> list[str]:
    """The submitter and everybody who edited what was decided on."""
    edits = message.edits.for_org(message.org_id)
    seen = edits.filter(Q(approved_in=None) | Q(approved_in=version))
    ids = {version.submitted_by_id, *seen.values_list("user_id", flat=True)}
    return list(User.objects.filter(pk__in=ids).values_list("email", flat=True))


def _list(lines: str) -> list[str]:
    return lines.split()


def _write(
    message: Message, campaign: Campaign, people: Iterable[str], subject: str, line: str, *, at: datetime
) -> None:
    org = message.org
    address = configuration.CONSOLE_URL + org_url(org, "message", pk=message.pk)
    body = f"{org.name}\nCampaign: {campaign.name}\nMessage: {message.title}\n\n{line}\n\n{address}\n"
    notices.write(org, people, subject, body, at=at)
