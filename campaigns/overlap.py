"""Whether much the same people get another message soon (C-26)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from audiences import selection
from campaigns import compiling, schedule
from campaigns.body import Body
from campaigns.models import Message
from engage.orgs.access import Access
from engage.orgs.models import OrgSettings

NEAR: Final = timedelta(hours=24)
MOST: Final = 5
_SHARE = """
SELECT count(*), count(other.customer_id) FROM ({mine}) AS mine
LEFT JOIN ({other}) AS other ON other.customer_id = mine.customer_id AND other.place = ''
WHERE mine.place = ''
"""
_UNDER_WAY = [
    Message.Status.SCHEDULED,
    Message.Status.PREPARING,
    Message.Status.SENDING,
    Message.Status.COMPLETED,
]


def titles(message: Message, body: Body, settings: OrgSettings, *, access: Access, at: datetime) -> list[str]:
    """Approved messages due within 24 hours that reach over half of these people; the nearest few are compared."""
    if all(audience.exclude for audience in body.audiences):
        return []
    due_at = schedule.planned_at(message) or at
    near = (
        Message.objects.for_org(message.org_id)
        .filter(
            status__in=_UNDER_WAY,
            due_at__range=(due_at - NEAR, due_at + NEAR),
            approved_version__isnull=False,
        )
        .exclude(pk=message.pk)
        .select_related("approved_version", "campaign")
    )
    found = []
    for other in near.order_by("-due_at")[:MOST]:
        if other.approved_version is not None and _over_half(
            message.org_id, body, Body.parse(other.approved_version.body), settings, at
        ):
            covered = access.covers(other.campaign.unit_id)
            found.append(other.title if covered else "another unit's message")
    return found


def _over_half(org_id: int, mine: Body, other: Body, settings: OrgSettings, at: datetime) -> bool:
    chosen, params = _selected(org_id, mine, settings, at, "a_")
    rivals, more = _selected(org_id, other, settings, at, "b_")
    with connection.cursor() as cursor:
        cursor.execute(_SHARE.format(mine=chosen, other=rivals), params | more)
        people, shared = cursor.fetchone()
    return bool(2 * shared > people)


def _selected(
    org_id: int, body: Body, settings: OrgSettings, at: datetime, prefix: str
) -> tuple[str, dict[str, Any]]:
    """A choice of people whose parameters have names of their own, so that two can stand in one statement."""
    include, exclude = (compiling.audience_versions(org_id, body, exclude=out) for out in (False, True))
    chosen = selection.select(org_id, settings, include, exclude, body.unit, at)
    own = {name: f"{prefix}{name}" for name in chosen.params if name != "org"}
    sql = chosen.sql
    for name, renamed in own.items():
        sql = sql.replace(f"%({name})s", f"%({renamed})s")
    return sql, {own.get(name, name): value for name, value in chosen.params.items()}
