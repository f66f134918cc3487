"""Long work with a page: imports, exports, counts. One generic task runs the handler of a job's kind.

A job is claimed by lease. A worker that dies leaves the lease to end; the scheduler rings again and the handler begins
anew or goes on from what it committed, so handlers are idempotent. Files lie under the org's own folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from engage.orgs import audit, due
from engage.orgs.access import Access
from engage.orgs.models import Job, Org, User
from engage.orgs.tenancy import org_context, org_pk

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
DUE_KIND = "job"


class Cancelled(Exception):
    """Somebody asked the job to stop; the handler lets it pass and leaves nothing half visible."""


class JobFailed(Exception):
    """The job cannot be done; the text is fit for the user and says what to do."""


class LostJob(Exception):
    """The lease died and another worker went on with the job: this one leaves without a word."""


_fills: set[str] = set()


def fills(kind: str) -> None:
    """Jobs of this kind bring an org its first data: a banner on every page shows how far they are."""
    _fills.add(kind)


def filling(org: Org) -> Job | None:
    """The unfinished job that brings the org its first data. Call inside the org's context."""
    if not _fills:
        return None
    return Job.objects.for_org(org).filter(kind__in=_fills, finished_at=None).first()


class Progress:
    """A handler's line to the page: counts, and whether somebody asked to cancel. Renews the lease."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def advance(self, done: int, *, total: int | None = None, counts: dict[str, int] | None = None) -> None:
        """Show where the work stands. Raises `Cancelled` when somebody asked for it, `LostJob` to a worker that was
        taken for dead: whoever renewed the lease since has the job.

        May be called inside or outside the org's context; inside, it commits with the caller's slice.
        """
        self.job.done = done
        if total is not None:
            self.job.total = total
        if counts is not None:
            self.job.counts = counts
        lease, self.job.lease_until = self.job.lease_until, timezone.now() + LEASE
        facts = {name: getattr(self.job, name) for name in ("done", "total", "counts", "lease_until")}
        with org_context(self.job.org_id):
            row = Job.objects.for_org(self.job.org_id).filter(pk=self.job.pk)
            if not row.filter(lease_until=lease).update(**facts):
                raise LostJob
            asked = row.values_list("cancel_asked_at", flat=True).get()
        if asked is not None:
            raise Cancelled


Handler = Callable[[Job, Progress], None]
_handlers: dict[str, Handler] = {}
_pages: dict[str, str] = {}


def handler(kind: str, *, page: str = "job") -> Callable[[Handler], Handler]:
    """Register what runs a job of this kind. It is called outside any context and opens its own, slice by slice.

    `page` names the address that shows its jobs, where the common page is not enough.
    """

    def register(run: Handler) -> Handler:
        _handlers[kind], _pages[kind] = run, page
        return run

    return register


def page_of(job: Job) -> str:
    """The name of the address that shows the job; takes `org` and `pk`."""
    return _pages.get(job.kind, "job")


def visible(access: Access) -> QuerySet[Job]:
    """One's own jobs; with `ops.view` everyone's."""
    found = Job.objects.for_org(access.org).select_related("created_by")
    return found if access.may("ops.view") else found.filter(created_by=access.user)


def start(
    org: Org | int,
    *,
    kind: str,
    title: str,
    parameters: dict[str, Any],
    by: User | None,
    at: datetime,
    source_file: str = "",
) -> Job:
    """Write the job down; the scheduler or the door's `ring` starts it. Call inside the org's context."""
    job = Job.objects.create(
        org_id=org_pk(org),
        kind=kind,
        title=title,
        parameters=parameters,
        source_file=source_file,
        created_by=by,
        created_at=at,
    )
    due.set_due(org, DUE_KIND, job.pk, at)
    audit.record(org, "job.started", by=by, at=at, target=job, after={"kind": kind})
    return job


def stand(job: Job, *, since: int) -> None:
    """In a slice's own transaction: its counts and how far it came. `since` is where the slice began.

    Raises `LostJob` when another worker went on from there, and with it rolls the slice back.
    """
    held = Job.objects.for_org(job.org_id).filter(pk=job.pk, done=since)
    if not held.update(done=job.done, counts=job.counts, parameters=job.parameters):
        raise LostJob


def cancel(job: Job, *, by: User, at: datetime) -> Job:
    """Ask a waiting or running job to stop. Does nothing to a finished one."""
    job = Job.objects.for_org(job.org_id).select_for_update().get(pk=job.pk)
    if job.finished:
        return job
    job.cancel_asked_at = at
    if job.status == Job.Status.WAITING:
        _finish(job, Job.Status.CANCELLED, at)
    job.save()
    audit.record(job.org_id, "job.cancelled", by=by, at=at, target=job)
    return job


def folder(job: Job) -> Path:
    """Where the job's files lie; made when asked for."""
    path = Path(settings.MEDIA_ROOT) / str(job.org_id) / "jobs" / str(job.pk)
    path.mkdir(parents=True, exist_ok=True)
    return path


def claim(org_id: int, job_id: int, at: datetime) -> Job | None:
    """Take a job whose turn it is: waiting, or running with a dead lease. None when another worker has it."""
    with org_context(org_id):
        job = (
            Job.objects.for_org(org_id)
            .filter(
                Q(status=Job.Status.WAITING) | Q(status=Job.Status.RUNNING, lease_until__lt=at), pk=job_id
            )
            .select_for_update(skip_locked=True)
            .first()
        )
        if job is None:
            if (
                Job.objects.for_org(org_id)
                .filter(pk=job_id)
                .exclude(status__in=[Job.Status.WAITING, Job.Status.RUNNING])
                .exists()
            ):
                due.clear(org_id, DUE_KIND, job_id)
            return None
        job.status = Job.Status.RUNNING
        job.started_at = job.started_at or at
        job.lease_until = at + LEASE
        job.save(update_fields=["status", "started_at", "lease_until"])
        return job


def run(org_id: int, job_id: int, progress: type[Progress] = Progress) -> None:
    """Run a job to its end, if it can be claimed. What the handler raises becomes the job's error."""
    job = claim(org_id, job_id, timezone.now())
    if job is None:
        return
    try:
        _handlers[job.kind](job, progress(job))
    except LostJob:
        return
    except Cancelled:
        status, error = Job.Status.CANCELLED, ""
    except JobFailed as failure:
        status, error = Job.Status.FAILED, str(failure)
    except Exception:
        # A defect of ours must not leave the page at "running": it is logged whole and shown as such.
        logger.exception("job %s of org %s failed", job_id, org_id)
        status, error = (
            Job.Status.FAILED,
            "Something went wrong on our side. The operators' log has the details.",
        )
    else:
        status, error = Job.Status.DONE, ""
    with org_context(org_id), transaction.atomic():
        job.error = error
        _finish(job, status, timezone.now())
        job.save(update_fields=["status", "error", "finished_at", "lease_until", "done", "total", "counts",
                                "errors_file", "result_file"])  # fmt: skip


def _finish(job: Job, status: Job.Status, at: datetime) -> None:
    job.status, job.finished_at, job.lease_until = status, at, None
    due.clear(job.org_id, DUE_KIND, job.pk)
