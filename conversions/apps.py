from django.apps import AppConfig


class ConversionsConfig(AppConfig):
    """Goals and attribution."""

    name = "conversions"

    def ready(self) -> None:
        # Models can be imported only now; the imports connect the signal and register rules and doorbell.
        from conversions import campaign_rules, goals, kept, tasks
