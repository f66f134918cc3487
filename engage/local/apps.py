from django.apps import AppConfig

import engage.celery  # noqa: F401  in whatever process Django runs, tasks ring this application's broker


class LocalConfig(AppConfig):
    """The one machine: its commands. Has no tables."""

    name = "engage.local"
    label = "local"
