"""What apps above may listen to. Sent inside the creating transaction, so a listener's rows come and go with it."""

from django.dispatch import Signal

# kwargs: campaign, by (User), at (datetime), copied_from (Campaign or None)
campaign_created = Signal()
# kwargs: campaign, access, at, is_new. "Save campaign" was pressed; a listener answers with what the user must be told,
# or nothing.
campaign_saved = Signal()
