"""Which messages wait for this person: to be approved, corrected, or let go on (C-50, T-34)."""

from __future__ import annotations

from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.lifecycle.guards import TECHNICAL
from campaigns.models import Message, MessageEdit
from engage.orgs.access import Access
from engage.orgs.models import OrgSettings

Status = Message.Status


def visible(access: Access) -> QuerySet[Message]:
    """The messages of the campaigns in a member's scope."""
    messages = Message.objects.for_org(access.org)
    return messages if access.whole_org else messages.filter(campaign__unit_id__in=access.unit_ids)


def of(access: Access, settings: OrgSettings, *, today: date) -> QuerySet[Message]:
    """Awaiting approval by somebody else's hand, Rejected of theirs, Blocked that they may let go on.

    Nothing can be decided any more about a campaign that is over.
    """
    edits = MessageEdit.objects.for_org(access.org).filter(user=access.user, approved_in=None)
    mine = Q(Exists(edits.filter(message=OuterRef("pk"))))
    wanted = Q(pk__in=[])
    if access.may("message.approve"):
        awaiting = Q(status=Status.AWAITING)
        wanted |= awaiting if settings.self_approval else awaiting & ~mine
        wanted |= Q(status=Status.BLOCKED)
    elif access.may("ops.control"):
        wanted |= Q(status=Status.BLOCKED, status_reason__in=TECHNICAL)
    if access.may("message.create"):
        wanted |= Q(status=Status.REJECTED) & (Q(created_by=access.user) | mine)
    open_ones = visible(access).filter(campaign__archived_at=None, campaign__end_on__gte=today)
    return open_ones.filter(wanted)
