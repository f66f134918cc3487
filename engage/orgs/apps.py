from django.apps import AppConfig


class OrgsConfig(AppConfig):
    """The ground floor: tenants, people, rights, audit, row-level security."""

    name = "engage.orgs"
    label = "orgs"

    def ready(self) -> None:
        # Models can be imported only now.
        from engage.orgs import menu, tasks

        menu.add(menu.Entry(90, "Settings", "settings", "settings", "cog-6-tooth", "settings.view"))
