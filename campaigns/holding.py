"""Lists that are read at approval (A-44, C-15): who is in a message's filters at that moment is written down.

What is written is a version of the audience like an uploaded list's, numbered below zero: nobody edits or chooses it.
The approval's hash holds the filter itself; this is what it meant when it was approved.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.db import connection

from audiences import selection
from audiences.models import AudienceVersion, ListMember
from campaigns.body import Body
from campaigns.models import Message, MessageAudience, MessageVersion
from engage.orgs.models import Org, OrgSettings, User

_WRITE_DOWN = """
INSERT INTO audiences_listmember (org_id, customer_id, version_id, tags)
SELECT %(org)s, chosen.customer_id, %(held)s, '{{}}' FROM ({chosen}) AS chosen
"""


def of(org: Org | int, body: Body) -> dict[int, int]:
    """Audience → its held version, of a message that was approved; empty before."""
    rows = MessageAudience.objects.for_org(org).filter(message_id=body.message, held__isnull=False)
    return dict(rows.values_list("audience_id", "held_id"))


def hold(message: Message, version: MessageVersion, settings: OrgSettings, *, by: User, at: datetime) -> None:
    """Write down who is in each filter now. Does nothing for a message whose list is read by the run.

    Set-based, in the approval's transaction: a million customers take some seconds.
    """
    if message.freeze_audience != Message.Freeze.AT_APPROVAL:
        return
    rows = MessageAudience.objects.for_org(message.org_id).filter(message=message)
    for row in rows.select_related("pinned"):
        if row.pinned is not None and row.pinned.tree is not None:
            row.held = _written(row.pinned, version, settings, by=by, at=at)
            row.save(update_fields=["held"])


def _written(
    pinned: AudienceVersion, version: MessageVersion, settings: OrgSettings, *, by: User, at: datetime
) -> AudienceVersion:
    held = AudienceVersion.objects.create(
        org_id=version.org_id,
        audience_id=pinned.audience_id,
        number=-version.pk,
        tree=None,
        digest=hashlib.sha256(f"held:{pinned.digest}:{version.pk}".encode()).hexdigest(),
        counted_at=at,
        created_by=by,
        created_at=at,
    )
    chosen = selection.select(version.org_id, settings, [pinned], [], None, at)
    params: dict[str, Any] = {**chosen.params, "held": held.pk}
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_DOWN.format(chosen=chosen.sql), params)
        held.size = cursor.rowcount
    held.save(update_fields=["size"])
    return held


def let_go(message: Message) -> None:
    """The approval is void: what was written down goes with it."""
    rows = MessageAudience.objects.for_org(message.org_id).filter(message=message, held__isnull=False)
    ids = list(rows.values_list("held_id", flat=True))
    if ids:
        rows.update(held=None)
        ListMember.objects.for_org(message.org_id).filter(version_id__in=ids).delete()
        AudienceVersion.objects.for_org(message.org_id).filter(pk__in=ids).delete()
