from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaigns, messages, approval, and the send."""

    name = "campaigns"
