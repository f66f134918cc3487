from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    """Customers, their purchases, and lists of them."""

    name = "audiences"

    def ready(self) -> None:
        from audiences.segments import fields  # noqa: PLC0415  models are loaded only now

        fields.register_all()
