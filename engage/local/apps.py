from django.apps import AppConfig

# In whatever process Django runs, tasks ring this application's broker.
import engage.celery


class LocalConfig(AppConfig):
    """The one machine: its commands. Has no tables."""

    name = "engage.local"
    label = "local"
