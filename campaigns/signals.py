"""What apps above may listen to. Sent inside the creating transaction, so a listener's rows come and go with it."""

from django.dispatch import Signal

# kwargs: campaign, by (User), at (datetime), copied_from (Campaign or None)
campaign_created = Signal()
