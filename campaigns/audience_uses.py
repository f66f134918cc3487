"""Messages as users of audiences (A-43, A-45)."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse

from audiences import usage
from audiences.usage import Use
from campaigns.models import Message, MessageAudience
from campaigns.wording import LOOKS
from engage.orgs.models import Org

Status = Message.Status

# While a message stands so, its audiences cannot be put away.
HOLDING = frozenset(
    {Status.AWAITING, Status.SCHEDULED, Status.PREPARING, Status.SENDING, Status.PAUSED, Status.BLOCKED}
)
# From these a message goes back to Draft when it is edited, and then follows the audience again.
MOVABLE = frozenset({Status.AWAITING, Status.SCHEDULED})


def of_messages(org: Org, audience_ids: Sequence[int]) -> dict[int, list[Use]]:
    """The messages that include or exclude each of these audiences, the newest first."""
    rows = (
        MessageAudience.objects.for_org(org)
        .filter(audience_id__in=audience_ids)
        .select_related("message", "pinned")
        .order_by("-message_id")
    )
    uses: dict[int, list[Use]] = {}
    for row in rows:
        message = row.message
        place = {"org": org.slug, "pk": message.pk}
        uses.setdefault(row.audience_id, []).append(
            Use(
                kind="Message",
                name=message.title,
                url=reverse("message", kwargs=place),
                state=message.get_status_display(),
                tone=LOOKS[message.status].tone,
                holds=message.status in HOLDING,
                pinned=row.pinned.number if row.pinned else None,
                move_url=reverse("message-move", kwargs=place) if message.status in MOVABLE else "",
            )
        )
    return uses


def register() -> None:
    """Called when the app is ready."""
    usage.register(of_messages)
