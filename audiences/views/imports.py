"""Importing files: choose, look at what was detected, say what the columns are, watch the job (A-12, A-17, A-18)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from audiences.intake import Kind, csvfile, files, header, kept
from audiences.intake.csvfile import Format, Look, Refused
from audiences.intake.forms import FileForm, FormatForm
from audiences.intake.guide import GUIDE, sample_file
from audiences.intake.kept import Kept
from audiences.intake.take import open_writer
from audiences.views.checking import asked_format, first_values
from engage.orgs.access import NotAllowed
from engage.orgs.doors import OrgRequest, org_view, ring_job
from engage.orgs.models import Job

RIGHT = "customer.edit"
PAGE = 50
PURPOSE = "import"


def _require_whole_org(request: OrgRequest) -> None:
    """A file may hold any customer of the org, so a unit's scope is not enough (T-10)."""
    if not request.access.whole_org:
        raise NotAllowed(RIGHT)


@org_view(RIGHT)
def import_list(request: OrgRequest) -> HttpResponse:
    _require_whole_org(request)
    found = Job.objects.for_org(request.org).filter(kind=files.JOB_KIND).select_related("created_by")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    mine = {job.pk for job in page if job.created_by_id == request.user.pk or request.access.may("ops.view")}
    return render(request, "audiences/imports.html", {"page": page, "mine": mine, "current": "imports"})


class UploadForm(FileForm):
    """The first step: what is in the file, and the file."""

    kind = forms.ChoiceField(label="What is in the file", choices=[(kind.value, kind.label) for kind in Kind])

    field_order = ("kind", "file")


@org_view(RIGHT)
def import_new(request: OrgRequest) -> HttpResponse:
    """Choose and upload. What cannot be read at all is refused here."""
    _require_whole_org(request)
    initial = {"kind": request.GET.get("kind")}
    form = UploadForm(request.POST or None, request.FILES or None, settings=request.settings, initial=initial)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        upload = kept.keep(request.org.pk, request.user.pk, PURPOSE, asked["file"], kind=asked["kind"])
        try:
            csvfile.look(upload.path)
        except Refused as refused:
            form.add_error("file", str(refused))
        else:
            return redirect("import-check", org=request.org.slug, token=upload.token)
    context = {"form": form, "kinds": list(Kind)}
    return render(request, "audiences/import_new.html", context, status=422 if form.errors else 200)


class CheckForm(FormatForm):
    """The second step: how the file is read, and which field each column is."""

    def __init__(
        self, *args: Any, columns: list[str], proposed: list[str | None], fields: list[str], **kwargs: Any
    ):
        super().__init__(*args, **kwargs)
        self.headings = columns
        choices = [("?", "— choose —"), (header.IGNORE, "Leave out"), *((name, name) for name in fields)]
        for place, found in enumerate(proposed):
            # A field of the org's own (custom.…) is known by its heading alone.
            own = [(found, found)] if found and found not in fields else []
            self.fields[f"column-{place}"] = forms.ChoiceField(
                label=columns[place] or f"Column {place + 1}",
                choices=choices + own,
                initial="?" if found is None else found,
                required=False,
            )

    def clean(self) -> dict[str, Any]:
        """Every column is a field or left out, before anything is imported."""
        cleaned: dict[str, Any] = super().clean() or {}
        for place in range(len(self.headings)):
            if cleaned.get(f"column-{place}") == "?":
                self.add_error(f"column-{place}", "Say which field this is, or leave the column out.")
        return cleaned

    def chosen(self) -> list[str]:
        return [self.cleaned_data[f"column-{place}"] for place in range(len(self.headings))]

    @property
    def columns(self) -> list[forms.BoundField]:
        return [self[f"column-{place}"] for place in range(len(self.headings))]


@org_view(RIGHT)
def import_check(request: OrgRequest, token: str) -> HttpResponse:
    """Show how the file is read, let it be changed, take the mapping, start the job. A second post finds the first."""
    _require_whole_org(request)
    upload = kept.find(request.org.pk, request.user.pk, PURPOSE, token)
    if upload is None:
        raise Http404
    if request.method == "POST":
        kept.hold(upload)
    if (job := kept.job_of(upload)) is not None:
        return redirect("job", org=request.org.slug, pk=job.pk)
    problem, asked, kind = "", asked_format(request), Kind(upload.facts["kind"])
    try:
        look = csvfile.look(upload.path, asked)
    except Refused as refused:
        problem, look = str(refused), Look(asked or Format("utf-8-sig", ","), [[]])
    writer = open_writer(request.org, kind, source=upload.filename, at=timezone.now())
    columns = look.preview[0] if look.preview else []
    form = CheckForm(
        request.POST if "import" in request.POST else None,
        initial=look.format._asdict(),
        columns=columns,
        proposed=header.propose(kind, columns, writer.fields),
        fields=header.known_fields(kind, writer.fields),
    )
    if not problem and form.is_bound and form.is_valid():
        try:
            settled = header.check(kind, form.chosen())
            csvfile.inspect(upload.path, look.format)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            return _start(request, upload, look.format, settled)
    context = {
        "upload": upload,
        "kind": kind,
        "form": form,
        "problem": problem,
        "preview": _table(look, form),
        "guide": [(name, about) for name, about in GUIDE[kind].items()],
    }
    return render(request, "audiences/import_check.html", context, status=422 if form.errors else 200)


def _table(look: Look, form: CheckForm) -> list[dict[str, Any]]:
    """Each column's field with its first values."""
    values = first_values(look.preview[1:], len(form.headings))
    return [{"field": bound, "values": shown} for bound, shown in zip(form.columns, values, strict=True)]


def _start(request: OrgRequest, upload: Kept, how: Format, columns: list[str]) -> HttpResponse:
    job = files.start(
        request.org,
        Kind(upload.facts["kind"]),
        upload.path,
        filename=upload.filename,
        how=how,
        columns=columns,
        by=request.user,
        at=timezone.now(),
    )
    ring_job(job)
    return redirect("job", org=request.org.slug, pk=job.pk)


@org_view(RIGHT)
def import_sample(request: OrgRequest, kind: str) -> HttpResponse:
    """A file to begin with: every usual column, one row, and the org's own attributes."""
    if kind not in set(Kind):
        raise Http404
    writer = open_writer(request.org, Kind(kind), source="sample", at=timezone.now())
    extra = [name for name in writer.fields if name.startswith("attribute.")]
    answer = HttpResponse(sample_file(Kind(kind), extra), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{kind}.csv"'
    return answer
