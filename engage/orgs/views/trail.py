"""The audit log and long jobs."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST

from engage.orgs import audit, jobs
from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.models import AuditEntry, Job

PAGE = 50


@org_view("audit.view")
def audit_log(request: OrgRequest) -> HttpResponse:
    """Newest first, by actor, object, action and day; `before` is the last number seen (T-32)."""
    entries = AuditEntry.objects.for_org(request.org)
    asked = {
        name: request.GET.get(name, "").strip() for name in ("actor", "action", "object", "from", "until")
    }
    if asked["actor"]:
        entries = entries.filter(actor_name__icontains=asked["actor"])
    if asked["action"]:
        entries = entries.filter(action__startswith=asked["action"])
    if asked["object"]:
        entries = entries.filter(object_name__icontains=asked["object"])
    zone = request.settings.zone
    if day := parse_date(asked["from"] or "x"):
        entries = entries.filter(at__gte=datetime.combine(day, time.min, zone))
    if day := parse_date(asked["until"] or "x"):
        entries = entries.filter(at__lt=datetime.combine(day + timedelta(days=1), time.min, zone))
    before = request.GET.get("before", "")
    if before.isdigit():
        entries = entries.filter(seq__lt=int(before))
    rows = list(entries.order_by("-seq")[: PAGE + 1])
    context = {"entries": rows[:PAGE], "more": len(rows) > PAGE, "asked": asked}
    return render(request, "orgs/audit.html", context)


@require_POST
@org_view("audit.view")
def audit_verify(request: OrgRequest) -> HttpResponse:
    """Walk the chain and say whether it is whole."""
    verdict = audit.verify(request.org)
    if verdict.bad_seq is None:
        messages.success(request, f"The chain is whole: {verdict.entries} entries.")
    else:
        messages.error(request, f"The chain is broken: {verdict.problem}.")
    return redirect("audit", org=request.org.slug)


@org_view()
def job_list(request: OrgRequest) -> HttpResponse:
    """One's own jobs; with `ops.view` everyone's."""
    page = Paginator(jobs.visible(request.access), PAGE).get_page(request.GET.get("page"))
    return render(request, "orgs/jobs.html", {"page": page})


def _visible_job(request: OrgRequest, pk: int) -> Job:
    return get_object_or_404(jobs.visible(request.access), pk=pk)


@org_view()
def job_page(request: OrgRequest, pk: int) -> HttpResponse:
    job = _visible_job(request, pk)
    if (page := jobs.page_of(job)) != "job":
        return redirect(page, org=request.org.slug, pk=pk)
    template = "orgs/_job.html" if request.htmx else "orgs/job.html"
    return render(request, template, {"job": job})


@require_POST
@org_view()
def job_cancel(request: OrgRequest, pk: int) -> HttpResponse:
    job = jobs.cancel(_visible_job(request, pk), by=request.user, at=timezone.now())
    if job.status == Job.Status.CANCELLED:
        messages.success(request, "Cancelled.")
    elif not job.finished:
        messages.info(request, "Stopping: the work ends after the slice it is in.")
    return redirect(jobs.page_of(job), org=request.org.slug, pk=job.pk)


@org_view()
def job_file(request: OrgRequest, pk: int, which: str) -> HttpResponseBase:
    """The errors or the result of a job, as a download."""
    job = _visible_job(request, pk)
    name = {"errors": job.errors_file, "result": job.result_file}.get(which, "")
    path = Path(settings.MEDIA_ROOT) / name if name else None
    if path is None or not path.is_file() or not path.is_relative_to(jobs.folder(job)):
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name)
