from django.apps import AppConfig


class ConversionsConfig(AppConfig):
    """Goals and attribution."""

    name = "conversions"
