"""Lists from files: choose a file, look at what was detected, say what the columns are, watch it (A-18 to A-25)."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, Final

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from audiences import reach, usage
from audiences.contacts import region_of
from audiences.intake import csvfile, kept
from audiences.intake.csvfile import Format, Look, Refused
from audiences.intake.forms import FileForm
from audiences.intake.kept import Kept
from audiences.models import Audience
from audiences.uploads import columns, making, reasons
from audiences.uploads.forms import ListForm
from audiences.uploads.making import Wish
from audiences.views.checking import asked_format, first_values
from engage.orgs import jobs
from engage.orgs.doors import OrgRequest, org_view, ring_job
from engage.orgs.models import Job
from engage.orgs.spreadsheet import harmless

RIGHT: Final = "audience.upload"
PURPOSE: Final = "list"
_SAMPLE: Final = (
    ("external_id", "email", "mobile", "gift"),
    ("C-1001", "asha@example.com", "+919812345670", "A ceramic mug"),
    ("C-1002", "", "", "Two tea towels"),
)


def _list_of(request: OrgRequest, pk: int | None) -> Audience | None:
    """The list that rows are added to, in this person's scope, else 404."""
    if pk is None:
        return None
    mine = Audience.objects.for_org(request.org).visible_to(request.access)
    mine = mine.filter(kind=Audience.Kind.UPLOAD, archived_at=None, current__isnull=False)
    return get_object_or_404(mine.select_related("current", "unit"), pk=pk)


@org_view(RIGHT)
def upload_new(request: OrgRequest) -> HttpResponse:
    return _first_step(request, None)


@org_view(RIGHT)
def upload_more(request: OrgRequest, pk: int) -> HttpResponse:
    """Corrected or further rows for a list: a new version of it (A-24)."""
    return _first_step(request, _list_of(request, pk))


def _first_step(request: OrgRequest, audience: Audience | None) -> HttpResponse:
    """Choose and upload. What cannot be read at all is refused here."""
    form = FileForm(request.POST or None, request.FILES or None, settings=request.settings)
    form.fields["file"].help_text = columns.ABOUT_FILES
    if request.method == "POST" and form.is_valid():
        onto = audience.pk if audience else None
        file = kept.keep(request.org.pk, request.user.pk, PURPOSE, form.cleaned_data["file"], audience=onto)
        try:
            csvfile.look(file.path)
        except Refused as refused:
            kept.discard(file.path)
            form.add_error("file", str(refused))
        else:
            return redirect("audience-upload-check", org=request.org.slug, token=file.token)
    context = {
        "form": form,
        "audience": audience,
        "uses": usage.of(request.org, [audience.pk])[audience.pk] if audience else [],
        "most_rows": making.MOST_ROWS,
        "shared": not request.settings.one_send_per_address,
    }
    return render(request, "audiences/upload.html", context, status=422 if form.errors else 200)


@org_view(RIGHT)
def upload_check(request: OrgRequest, token: str) -> HttpResponse:
    """Show how the file is read and what its columns seem to be; begin when told. A second post finds the first."""
    file = kept.find(request.org.pk, request.user.pk, PURPOSE, token)
    if file is None:
        raise Http404
    if request.method == "POST":
        kept.hold(file)
    if (job := kept.job_of(file)) is not None:
        return redirect("audience-upload-job", org=request.org.slug, pk=job.pk)
    if not file.path.is_file():
        raise Http404
    step = _SecondStep(request, file, _list_of(request, file.facts["audience"]))
    if step.begins():
        job = step.begin()
        ring_job(job)
        return redirect("audience-upload-job", org=request.org.slug, pk=job.pk)
    status = 422 if step.form.errors else 200
    return render(request, "audiences/upload_check.html", step.context(), status=status)


class _SecondStep:
    """A file as it is read now, with the form that says what it is."""

    def __init__(self, request: OrgRequest, file: Kept, audience: Audience | None) -> None:
        self.request, self.file, self.audience = request, file, audience
        self.shared = not request.settings.one_send_per_address
        last = making.last_columns(request.org, request.user)
        self.problem, asked = "", asked_format(request)
        try:
            self.look = csvfile.look(file.path, asked)
        except Refused as refused:
            self.problem, self.look = str(refused), Look(asked or Format("utf-8-sig", ","), [[]])
        first = self.look.preview[0] if self.look.preview else []
        self.header = _asked_header(request)
        if self.header is None:
            self.header = columns.seems_header(first, last)
        self.rows = self.look.preview[1:] if self.header else self.look.preview
        names = columns.headings(first, header=self.header)
        proposed = columns.propose(names, self.rows, region_of(request.settings), last)
        self.form = self._form(proposed)

    @property
    def _reading(self) -> str:
        """How the columns on the page were read."""
        return f"{self.look.format.encoding} {ord(self.look.format.delimiter)} {self.header}"

    def _form(self, proposed: list[columns.Column]) -> ListForm:
        post = self.request.POST
        initial: dict[str, Any] = {"name": _name_of(self.file.filename)}
        # Read another way, the file keeps what was typed about it; and as read, what was said of its columns.
        same = post.get("columns") == str(len(proposed))
        initial |= {
            name: value for name, value in post.items() if same or not name.startswith(("column-", "tag-"))
        }
        initial |= self.look.format._asdict() | {"header": "yes" if self.header else "no"}
        stale = post.get("reading") not in {None, self._reading}
        self.stale = "make" in post and stale
        bound = post if "make" in post and not stale else None
        return ListForm(
            bound,
            initial=initial,
            proposed=proposed,
            access=self.request.access,
            shared=self.shared,
            audience=self.audience,
        )

    def begins(self) -> bool:
        """Whether all is said and the file can be read to its end. Nothing was done before."""
        if self.problem or not self.form.is_bound or not self.form.is_valid():
            return False
        try:
            csvfile.inspect(
                self.file.path, self.look.format, most_rows=making.MOST_ROWS, header=bool(self.header)
            )
        except Refused as refused:
            self.form.add_error(None, str(refused))
            return False
        return True

    def begin(self) -> Job:
        form, audience = self.form, self.audience
        wish = Wish(
            name=audience.name if audience else form.cleaned_data["name"],
            unit=audience.unit if audience else form.owner(),
            columns=form.chosen(),
            header=bool(self.header),
            create_unknown=form.creates_unknown(),
            audience=audience,
        )
        by, at, name = self.request.user, timezone.now(), self.file.filename
        return making.start(
            self.request.org, self.file.path, wish, filename=name, how=self.look.format, by=by, at=at
        )

    def context(self) -> dict[str, Any]:
        values = first_values(self.rows, len(self.form.proposed))
        return {
            "file": self.file,
            "audience": self.audience,
            "form": self.form,
            "problem": self.problem,
            "stale": self.stale,
            "reading": self._reading,
            "preview": [(*fields, shown) for fields, shown in zip(self.form.columns, values, strict=True)],
            "shared": self.shared,
        }


def _asked_header(request: OrgRequest) -> bool | None:
    """Whether the first row names the columns, as the person says; None until they say it."""
    return {"yes": True, "no": False}.get(request.POST.get("header", ""))


def _name_of(filename: str) -> str:
    """A first name for the list."""
    return " ".join(Path(filename).stem.replace("_", " ").replace("-", " ").split())[:100]


@org_view()
def upload_job(request: OrgRequest, pk: int) -> HttpResponse:
    """How far it is, and what became of it: the list, its reachability, the rejected rows by reason (A-17, A-25)."""
    job = get_object_or_404(jobs.visible(request.access).filter(kind=making.JOB_KIND), pk=pk)
    made = making.outcome(request.org, job)
    mine = Audience.objects.for_org(request.org).visible_to(request.access)
    audience, version = made if made is not None and mine.filter(pk=made[0].pk).exists() else (None, None)
    context = {
        "job": job,
        "audience": audience,
        "version": version,
        "current": version,
        "superseded": audience is not None and audience.current != version,
        "reach": reach.by_channel(version) if version else [],
        "reasons": reasons.told(job),
    }
    template = "audiences/_upload_job.html" if request.htmx else "audiences/upload_job.html"
    return render(request, template, context)


@org_view(RIGHT)
def upload_sample(request: OrgRequest) -> HttpResponse:
    """A file to begin with."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([harmless(cell) for cell in row] for row in _SAMPLE)
    answer = HttpResponse(buffer.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="list.csv"'
    return answer
