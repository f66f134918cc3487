from django.apps import AppConfig


class ConversionsConfig(AppConfig):
    """Goals and attribution."""

    name = "conversions"

    def ready(self) -> None:
        # Models can be imported only now; the import connects the signal and registers the doorbell.
        from conversions import goals, tasks  # noqa: F401, PLC0415
