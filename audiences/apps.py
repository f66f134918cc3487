from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    """Customers, their purchases, and lists of them."""

    name = "audiences"

    def ready(self) -> None:
        # Models are loaded only now; importing `files` registers what runs an import.
        from audiences.intake import files
        from audiences.segments import fields
        from engage.orgs import menu

        fields.register_all()
        menu.add(menu.Entry(40, "Audiences", "audiences", "audiences", "user-group", "audience.view"))
        menu.add(menu.Entry(50, "Customers", "customers", "customers", "identification", "customer.view"))
