"""Saved audiences: what the list and its page show, and putting one away (A-45, A-46)."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from audiences import selection
from audiences.models import Audience, AudienceVersion
from audiences.segments import sentence, tree
from audiences.segments.frame import Frame
from engage.orgs import audit
from engage.orgs.models import OrgSettings, User

# States in which a message holds on to its audiences.
HOLDING = ("awaiting", "scheduled", "preparing", "sending", "paused", "blocked")


class ListRefused(Exception):
    """The audience may not change so now; the text is fit for the user."""


def said(version: AudienceVersion, settings: OrgSettings, *, at: datetime) -> str:
    """A filter as a sentence (A-32); what an uploaded list is."""
    if version.tree is None:
        return "A list from a file."
    frame = Frame(version.org_id, settings, at)
    return sentence.say(tree.parse(version.tree, frame), frame)


@transaction.atomic
def count(version: AudienceVersion, settings: OrgSettings, *, at: datetime) -> int:
    """The exact number of customers now, kept with its time (A-36)."""
    chosen = selection.select(version.org, settings, [version], [], None, at)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM ({chosen.sql}) chosen", {**chosen.params, "org": version.org_id}
        )
        size = int(cursor.fetchone()[0])
    AudienceVersion.objects.for_org(version.org_id).filter(pk=version.pk).update(size=size, counted_at=at)
    version.size, version.counted_at = size, at
    return size


def users_of(audience: Audience) -> list[tuple[int, str, str]]:
    """(message id, title, status) of the messages that include or exclude it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.id, m.title, m.status FROM campaigns_messageaudience u "
            "JOIN campaigns_message m ON m.org_id = %(org)s AND m.id = u.message_id "
            "WHERE u.org_id = %(org)s AND u.audience_id = %(audience)s ORDER BY m.id DESC",
            {"org": audience.org_id, "audience": audience.pk},
        )
        return list(cursor.fetchall())


@transaction.atomic
def archive(audience: Audience, *, by: User, at: datetime) -> Audience:
    """Put it away; refused while a message that uses it waits or runs (A-45)."""
    audience = Audience.objects.for_org(audience.org_id).select_for_update().get(pk=audience.pk)
    held = [title for _, title, status in users_of(audience) if status in HOLDING]
    if held:
        raise ListRefused(f"“{held[0]}” still uses it. Stop or finish that message first.")
    audience.archived_at = audience.archived_at or at
    audience.save(update_fields=["archived_at"])
    audit.record(audience.org_id, "audience.archived", by=by, at=at, target=audience)
    return audience


@transaction.atomic
def restore(audience: Audience, *, by: User, at: datetime) -> Audience:
    audience = Audience.objects.for_org(audience.org_id).select_for_update().get(pk=audience.pk)
    audience.archived_at = None
    audience.save(update_fields=["archived_at"])
    audit.record(audience.org_id, "audience.restored", by=by, at=at, target=audience)
    return audience
