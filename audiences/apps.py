from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    """Customers, their purchases, and lists of them."""

    name = "audiences"
