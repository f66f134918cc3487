from django.apps import AppConfig
from django.conf import settings

# In whatever process Django runs, tasks ring this application's broker.
import engage.celery
from engage.local.demo_accounts import JOB_KIND


class LocalConfig(AppConfig):
    """The one machine: its commands. Has no tables."""

    name = "engage.local"
    label = "local"

    def ready(self) -> None:
        # Models can be imported only now.
        from engage.orgs import jobs

        # The demo is loaded beside a sandbox carrier only; elsewhere no page asks for it.
        if settings.CARRIER_URL:
            jobs.fills(JOB_KIND)
