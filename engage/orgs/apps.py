from django.apps import AppConfig


class OrgsConfig(AppConfig):
    """The ground floor: tenants, people, rights, audit, row-level security."""

    name = "engage.orgs"
    label = "orgs"
