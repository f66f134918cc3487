"""The Celery application. Tasks carry ids only and ring the bell; the database is the queue of record."""

import os

from billiard import pool
from celery import Celery
from celery.signals import worker_init

from engage.orgs.checks import refuse_powerful_role

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engage.settings")

# At a stop, a busy worker's children wait for the parent to hear of their results: these tenths of a second, 30 s by
# default. Results are ignored here, so nothing is lost by stopping sooner.
pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20

app = Celery("engage")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def refuse_to_work_as_owner(**_: object) -> None:
    """A worker that could step over the tenants' walls does not start."""
    refuse_powerful_role()
