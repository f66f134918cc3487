"""Importing a file as a job: batch by batch, with its errors file, going on after a kill where it was (Q-18, Q-19).

A batch, its counts and how far the file was read are one transaction. A job that was killed skips what its row says is
done; two workers that believe to hold the job cannot both commit a batch.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audiences.intake import csvfile, kept
from audiences.intake.ahead import ahead
from audiences.intake.answers import Answer, Verdict, counted
from audiences.intake.csvfile import Format, Refused
from audiences.intake.fields import Kind
from audiences.intake.records import Part, parts
from audiences.intake.rejects import Reject, Rejects
from audiences.intake.statistics import Growth
from audiences.intake.take import (
    BATCH,
    BATCH_LINES,
    Batch,
    Writer,
    no_collector,
    open_writer,
    read_batch,
    write_batch,
)
from engage.orgs import jobs
from engage.orgs.jobs import Cancelled, JobFailed, Progress
from engage.orgs.models import Job, Org, User
from engage.orgs.tenancy import org_context

JOB_KIND: Final = "import"
# Notes on records that were taken, as people read them.
_NOTES: Final = {"waiting": "waiting for their customer", "invalid_contact": "with an invalid address"}


def start(
    org: Org,
    kind: Kind,
    path: Path,
    *,
    filename: str,
    how: Format,
    columns: Sequence[str],
    by: User | None,
    at: datetime,
) -> Job:
    """Write an import down as a job, inside the org's context. `columns` are those that `header.settle` found."""
    parameters = {
        "kind": kind.value,
        "filename": filename,
        "encoding": how.encoding,
        "delimiter": how.delimiter,
        "columns": list(columns),
    }
    title = f"{kind.label} from {filename}"[:200]
    return jobs.start(
        org, kind=JOB_KIND, title=title, parameters=parameters, by=by, at=at, source_file=str(path)
    )


@jobs.handler(JOB_KIND)
def run(job: Job, progress: Progress) -> None:
    """Import the job's file from where it stands. Raises `JobFailed` for a file that cannot be read."""
    path = Path(job.source_file)
    try:
        with _hurried():
            _import(job, progress, path)
    except (JobFailed, Cancelled):
        kept.discard(path)
        raise
    if not job.errors_file:
        _errors_path(job).unlink(missing_ok=True)
    kept.discard(path)


def _import(job: Job, progress: Progress, path: Path) -> None:
    how = Format(job.parameters["encoding"], job.parameters["delimiter"])
    if not path.is_file():
        raise JobFailed("The uploaded file is no longer there. Upload it again.")
    try:
        found = csvfile.inspect(path, how)
    except Refused as refused:
        raise JobFailed(str(refused)) from None
    progress.advance(job.done, total=found.rows)
    kind = Kind(job.parameters["kind"])
    with org_context(job.org_id):
        source = job.parameters["filename"]
        writer = open_writer(job.org_id, kind, source=source, at=timezone.now(), by=job.created_by)
    todo = islice(csvfile.rows(path, how), 1 + job.done, None)
    coming = parts(kind, todo, job.parameters["columns"], most=BATCH, most_rows=BATCH_LINES)
    with Rejects(_errors_path(job), found.header, job.parameters.get("errors_size", 0)) as rejects:
        growth = Growth(kind)
        _name_errors(job)
        for part, batch in ahead((part, read_batch(writer, [part.sheet])) for part in coming):
            writer.prepare(batch.good)
            answers = _commit(job, writer, part, batch, rejects)
            _name_errors(job)
            growth.add(answers, writer.desk.months)
            progress.advance(job.done, counts=job.counts)
            gc.collect(0)


@contextmanager
def _hurried() -> Iterator[None]:
    """For two threads, one reading and one that mostly waits for the database.

    The one that waits is let in soon after its answer came: it asks some twenty times a batch, and Python would leave
    the reading one five milliseconds each time.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        with no_collector():
            yield
    finally:
        sys.setswitchinterval(before)


def _commit(job: Job, writer: Writer, part: Part, batch: Batch, rejects: Rejects) -> list[Answer]:
    """One batch, and how far the job is, in one transaction."""
    before = job.done
    with org_context(job.org_id):
        # What a crash of the server may lose here it loses together with the job's place in the file, and the job's
        # last commit waits for the disk.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
        batch.rejected += part.refused
        answers = write_batch(job.org_id, writer, batch, timezone.now())
        job.done = before + part.size
        job.counts = _summed(job.counts, answers)
        job.parameters["errors_size"] = rejects.add(_rejects(answers, part))
        jobs.stand(job, since=before)
    return answers


def _rejects(answers: Iterable[Answer], part: Part) -> Iterator[Reject]:
    for answer in answers:
        if answer.verdict is Verdict.REJECTED:
            for row in part.rows[answer.number]:
                yield Reject(row, answer.code, answer.reason)


def _summed(counts: dict[str, int], answers: Sequence[Answer]) -> dict[str, int]:
    """Records in = created + updated + unchanged + rejected; notes on some of them stand beside."""
    total = {name: counts.get(name, 0) + n for name, n in counted(answers).items()}
    codes = Counter(map(attrgetter("code"), answers))
    for code, words in _NOTES.items():
        noted = counts.get(words, 0) + codes[code]
        if noted:
            total[words] = noted
    return total


def _name_errors(job: Job) -> None:
    """The errors file is offered as soon as a row is in it, and again by who goes on with a killed import."""
    if job.counts.get(Verdict.REJECTED.value):
        job.errors_file = str(_errors_path(job).relative_to(settings.MEDIA_ROOT))


def _errors_path(job: Job) -> Path:
    return jobs.folder(job) / "rejected-rows.csv"
