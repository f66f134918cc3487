from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaigns, messages, approval, and the send."""

    name = "campaigns"

    def ready(self) -> None:
        from campaigns import merge_sql  # noqa: PLC0415  models are loaded only now

        merge_sql.register()
