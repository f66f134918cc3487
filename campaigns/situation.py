"""A message as it is at one moment, with what its moves, checks and mails depend on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Campaign, Message
from engage.orgs.models import OrgSettings, User


@dataclass(frozen=True)
class Situation:
    """`by` None is the system."""

    message: Message
    campaign: Campaign
    settings: OrgSettings
    by: User | None
    at: datetime
