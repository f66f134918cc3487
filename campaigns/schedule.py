"""When a message is to run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.local_time import resolve
from campaigns.models import Campaign, Message
from engage.orgs.models import OrgSettings

# Nothing starts within this time of the action that launches it, so that it can be undone (C-34).
HOLD: Final = timedelta(seconds=60)


def planned_at(message: Message) -> datetime | None:
    """The instant that a dated message names; None while it names none, and for an immediate one."""
    if message.mode != Message.Mode.DATED or message.send_on is None or message.send_time is None:
        return None
    return resolve(message.send_on, message.send_time, ZoneInfo(message.zone))


def begins_at(message: Message, campaign: Campaign, settings: OrgSettings, *, at: datetime) -> datetime:
    """When it is due if it is approved at `at`: at its time, else at once or when its campaign starts (C-35)."""
    return planned_at(message) or max(at, campaign.starts_at(settings.zone))


def launch(
    message: Message, campaign: Campaign, settings: OrgSettings, *, at: datetime
) -> tuple[datetime, datetime | None]:
    """When an approved message is due, and until when it is held: only if it would start within the hold."""
    due_at = begins_at(message, campaign, settings, at=at)
    held = at + HOLD
    return due_at, held if due_at < held else None


def relaunch(campaign: Campaign, settings: OrgSettings, *, at: datetime) -> tuple[datetime, datetime]:
    """As `launch`, for a message that a person lets go on: at once, within the hold."""
    return max(at, campaign.starts_at(settings.zone)), at + HOLD
