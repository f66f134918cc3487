"""Which senders a campaign may use (T-06, H-30)."""

from __future__ import annotations

from campaigns.models import Campaign
from channels.models import Sender


def offered(campaign: Campaign, channel: str) -> list[Sender]:
    """The active senders of the campaign's owner, and those shared with its unit; the one to pre-fill comes first."""
    senders = Sender.objects.for_org(campaign.org_id).filter(channel=channel, status=Sender.Status.ACTIVE)
    usable = [sender for sender in senders if usable_by(sender, campaign)]
    return sorted(usable, key=lambda sender: (sender.unit_id is None, not sender.is_default, sender.name))


def usable_by(sender: Sender, campaign: Campaign) -> bool:
    """Whether the campaign's owner owns the sender, or it is shared with them. The org's default serves everybody."""
    if sender.unit_id == campaign.unit_id:
        return True
    if sender.unit_id is not None:
        return False
    return sender.is_default or bool({"*", campaign.unit_id} & set(sender.shared_units))
