"""Who wrote a message since it was last approved: the other pair of eyes must not be theirs (C-28)."""

from __future__ import annotations

from datetime import datetime

from campaigns.models import Message, MessageEdit, MessageVersion
from engage.orgs.models import User


def record(message: Message, user: User, section: str, *, at: datetime) -> None:
    """Note an edit. Call it under the message's lock."""
    MessageEdit.objects.create(org_id=message.org_id, message=message, user=user, section=section, at=at)


def since_last_approval(message: Message) -> set[int]:
    """The ids of the users who edited it since then; of all who ever did, if it never was approved."""
    edits = MessageEdit.objects.for_org(message.org_id).filter(message=message, approved_in=None)
    return set(edits.values_list("user_id", flat=True))


def settle(message: Message, version: MessageVersion) -> None:
    """An approval has looked at every edit so far."""
    edits = MessageEdit.objects.for_org(message.org_id).filter(message=message, approved_in=None)
    edits.update(approved_in=version)


def names(message: Message) -> list[str]:
    """Who wrote it since its last approval, for the page."""
    people = User.objects.filter(pk__in=since_last_approval(message)).order_by("name", "email")
    return [str(person) for person in people]
