from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    """Customers, their purchases, and lists of them."""

    name = "audiences"

    def ready(self) -> None:
        # Models are loaded only now; importing `files` and `making` registers what runs imports and uploads.
        from audiences.intake import files
        from audiences.segments import fields
        from audiences.uploads import making
        from engage.orgs import menu

        fields.register_all()
        menu.add(menu.Entry(40, "Audiences", "audiences", "audiences", "user-group", "audience.view"))
        menu.add(menu.Entry(50, "Customers", "customers", "customers", "identification", "customer.view"))
