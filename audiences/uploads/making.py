"""The job that reads a list's file and makes a version of it: in the background, whole or not at all (A-22 to A-25).

Members are written batch by batch under the number of a version that does not exist yet, so nobody sees half a list;
the version, and a new list with it, are made in one transaction at the end. A batch, its counts and how far the file
was read are one transaction too: a killed job goes on after its last whole batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from audiences import lists
from audiences.contacts import region_of
from audiences.intake import csvfile, kept
from audiences.intake.ahead import ahead
from audiences.intake.answers import Rejected
from audiences.intake.csvfile import Format, Refused, Row
from audiences.intake.rejects import Reject, Rejects
from audiences.intake.staging import new_ids
from audiences.models import Audience, AudienceVersion
from audiences.uploads import finishing
from audiences.uploads.columns import LABELS, Column, Meaning, layout, tag_key
from audiences.uploads.creating import Creator
from audiences.uploads.matching import Written, matching
from audiences.uploads.reading import Line, RowReader
from engage.orgs import jobs
from engage.orgs.jobs import Cancelled, JobFailed, Progress
from engage.orgs.models import Job, Org, OrgSettings, OrgUnit, User
from engage.orgs.tenancy import org_context

JOB_KIND: Final = "list"
PAGE: Final = "audience-upload-job"
MOST_ROWS: Final = 1_000_000
BATCH: Final = 10_000


@dataclass(frozen=True)
class Wish:
    """What a person wants of a file: a new list of this name and owner, or rows added to `audience`."""

    name: str
    unit: OrgUnit | None
    columns: Sequence[Column]
    header: bool
    create_unknown: bool
    audience: Audience | None = None


def start(org: Org, path: Path, wish: Wish, *, filename: str, how: Format, by: User, at: datetime) -> Job:
    """Write the work down as a job, inside the org's context."""
    current = wish.audience.current if wish.audience else None
    (version_id,) = new_ids("audiences_audienceversion_id_seq", 1)
    given = [column.tag for column in wish.columns if column.meaning is Meaning.TAG]
    parameters: dict[str, Any] = {
        "filename": filename,
        "encoding": how.encoding,
        "delimiter": how.delimiter,
        "header": wish.header,
        "columns": [list(column) for column in wish.columns],
        "create_unknown": wish.create_unknown,
        "name": wish.name,
        "unit": wish.unit.pk if wish.unit else None,
        "audience": wish.audience.pk if wish.audience else None,
        # Who is added to is the version that was current then; a newer one is not overwritten.
        "onto": current.pk if current else None,
        "version": version_id,
        "tags": layout(current.tags if current else [], given),
        "reasons": {},
    }
    title = _("List “%(name)s” from %(file)s") % {"name": wish.name, "file": filename}
    return jobs.start(
        org, kind=JOB_KIND, title=title[:200], parameters=parameters, by=by, at=at, source_file=str(path)
    )


def last_columns(org: Org, by: User) -> list[Column]:
    """How this person mapped the columns of their last file (A-19)."""
    mine = Job.objects.for_org(org).filter(kind=JOB_KIND, created_by=by).order_by("-created_at", "-pk")
    last = mine.values_list("parameters", flat=True).first()
    return [Column.stored(*column) for column in last["columns"]] if last else []


@jobs.handler(JOB_KIND, page=PAGE)
def run(job: Job, progress: Progress) -> None:
    """Make the list of the job's file, from where it stands. Raises `JobFailed` where there is no list."""
    path = Path(job.source_file)
    _name_errors(job)
    try:
        if "made" not in job.parameters:
            _read(job, progress, path)
            finishing.finish(job, at=timezone.now())
    except (JobFailed, Cancelled):
        finishing.undo(job)
        kept.discard(path)
        raise
    kept.discard(path)
    with org_context(job.org_id):
        version = AudienceVersion.objects.for_org(job.org_id).get(pk=job.parameters["version"])
        lists.count(version, OrgSettings.objects.for_org(job.org_id).get(), at=timezone.now())


def errors_path(job: Job) -> Path:
    return jobs.folder(job) / "rejected-rows.csv"


def _read(job: Job, progress: Progress, path: Path) -> None:
    how = Format(job.parameters["encoding"], job.parameters["delimiter"])
    header = job.parameters["header"]
    if not path.is_file():
        raise JobFailed(_("The uploaded file is no longer there. Upload it again."))
    try:
        found = csvfile.inspect(path, how, most_rows=MOST_ROWS, header=header)
    except Refused as refused:
        raise JobFailed(str(refused)) from None
    progress.advance(job.done, total=found.rows)
    with org_context(job.org_id):
        desk = _Desk(job, at=timezone.now())
    todo = islice(csvfile.rows(path, how), int(header) + job.done, None)
    headings = [column.heading for column in desk.columns]
    with Rejects(errors_path(job), headings, job.parameters.get("errors_size", 0)) as rejects:
        for batch in ahead(_batches(desk.reader, todo)):
            _commit(job, desk, batch, rejects)
            _name_errors(job)
            progress.advance(job.done, counts=job.counts)


def _name_errors(job: Job) -> None:
    """The errors file is offered as soon as a row is in it, and again by who goes on with a killed job."""
    if job.counts.get("rejected"):
        job.errors_file = str(errors_path(job).relative_to(settings.MEDIA_ROOT))


class _Desk:
    """What the job knows while it runs. Make it inside the org's context."""

    def __init__(self, job: Job, *, at: datetime) -> None:
        asked = job.parameters
        org_settings = OrgSettings.objects.for_org(job.org_id).get()
        self.org_id = job.org_id
        self.columns = [Column.stored(*column) for column in asked["columns"]]
        self.unit = finishing.unit_of(job)
        self.reader = RowReader(
            self.columns, region=region_of(org_settings), shared=not org_settings.one_send_per_address
        )
        keys = [tag_key(name) for name in asked["tags"]]
        self.places = [keys.index(tag_key(one.tag)) for one in self.columns if one.meaning is Meaning.TAG]
        self.version_id: int = asked["version"]
        self.tags = len(keys)
        self.creator = (
            Creator(job.org_id, self.unit, source=asked["filename"], by=job.created_by, at=at)
            if asked["create_unknown"]
            else None
        )


@dataclass(slots=True)
class _Batch:
    rows: int
    lines: list[Line]
    rejects: list[Reject]


def _batches(reader: RowReader, todo: Iterable[Row]) -> Iterator[_Batch]:
    """Rows as they were read; touches no database, because it runs in a thread of its own."""
    rows = iter(todo)
    while True:
        batch = _Batch(0, [], [])
        for row in islice(rows, BATCH):
            batch.rows += 1
            try:
                batch.lines.append(reader(row))
            except Rejected as rejected:
                batch.rejects.append(Reject(row, rejected.code, rejected.reason))
        if not batch.rows:
            return
        yield batch


def _commit(job: Job, desk: _Desk, batch: _Batch, rejects: Rejects) -> None:
    """One batch, its rejected rows, and how far the job is, in one transaction."""
    before = job.done
    with org_context(job.org_id):
        with connection.cursor() as cursor:
            # A crash of the server takes the batch and the job's place together; the end waits for the disk.
            cursor.execute("SET LOCAL synchronous_commit = off")
        written, created = _write(desk, batch)
        job.done = before + batch.rows
        found = {
            "accepted": written.accepted,
            "merged duplicates": written.merged,
            "rejected": len(batch.rejects),
            **({"created customers": created} if desk.creator else {}),
        }
        job.counts = {word: job.counts.get(word, 0) + n for word, n in found.items()}
        reasons = Counter(job.parameters["reasons"]) + Counter(reject.code for reject in batch.rejects)
        batch.rejects.sort(key=lambda reject: reject.row.line)
        job.parameters |= {"reasons": dict(reasons), "errors_size": rejects.add(batch.rejects)}
        jobs.stand(job, since=before)


def _write(desk: _Desk, batch: _Batch) -> tuple[Written, int]:
    """Match and write; rows that mean nobody join the batch's rejects. How many customers were created comes second."""
    if not batch.lines:
        return Written(0, 0), 0
    created, refused = 0, dict[int, Rejected]()
    unit_id = desk.unit.pk if desk.unit else None
    with matching(desk.org_id, unit_id, batch.lines, desk.places) as matches:
        unmatched = matches.unmatched()
        unknown = [line for line, nobody in unmatched if nobody]
        if desk.creator and unknown:
            created, refused = desk.creator.create(unknown, timezone.now())
            matches.look()
            unmatched = matches.unmatched()
        batch.rejects += [_refusal(line, desk, refused, unknown=nobody) for line, nobody in unmatched]
        return matches.write(desk.version_id, tags=desk.tags), created


def _refusal(line: Line, desk: _Desk, refused: dict[int, Rejected], *, unknown: bool) -> Reject:
    names = [str(LABELS[one]) for one in line.given]
    why = refused.get(line.row.line)
    if why is not None and why.reason:
        return Reject(line.row, why.code, why.reason)
    if unknown:
        reason = _("No customer has this: %(names)s.") % {"names": ", ".join(names)}
        if desk.unit is not None:
            reason = _("No customer of %(unit)s has this: %(names)s.") % {
                "unit": desk.unit.name, "names": ", ".join(names)
            }  # fmt: skip
        if desk.creator is not None:
            reason += " " + _("A new customer needs an external id of its own and no customer number.")
        return Reject(line.row, "unknown_customer", reason)
    if len(names) == 1:
        reason = _("Several customers have it: %(name)s. Give the external id or the customer number.")
        return Reject(line.row, "ambiguous", reason % {"name": names[0]})
    reason = _("These do not point to one and the same customer: %(names)s.")
    return Reject(line.row, "ambiguous", reason % {"names": ", ".join(names)})


def outcome(org: Org, job: Job) -> tuple[Audience, AudienceVersion] | None:
    """The list that the job made or added to, and its version; None while there is none."""
    version = (
        AudienceVersion.objects.for_org(org)
        .filter(pk=job.parameters["version"])
        .select_related("audience__unit", "audience__current")
        .first()
    )
    return (version.audience, version) if version else None
