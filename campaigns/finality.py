"""When a campaign's results are final (M-08): until then a lapsed campaign can be extended (C-07).

Apps above register the windows that they measure in, when they are ready.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from campaigns.models import Campaign
from engage.orgs.models import OrgSettings

FINAL_AFTER: Final = timedelta(days=7)
# When the last window of a campaign closes; None where it has none.
Closing = Callable[[Campaign], datetime | None]
_WINDOWS: list[Closing] = []


def window(closing: Closing) -> Closing:
    """Register a window."""
    _WINDOWS.append(closing)
    return closing


def of(campaign: Campaign, settings: OrgSettings) -> datetime:
    """The last window has closed, the campaign's own among them, and 7 days more."""
    closings = [closes for closing in _WINDOWS if (closes := closing(campaign)) is not None]
    return max([campaign.ends_at(settings.zone), *closings]) + FINAL_AFTER
