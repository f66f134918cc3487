"""Importing a file as a job: batch by batch, with its errors file, going on after a kill where it was (Q-18, Q-19).

A batch, its counts and how far the file was read are one transaction. A job that was killed skips what its row says is
done; two workers that believe to hold the job cannot both commit a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audiences.intake import csvfile, kept
from audiences.intake.answers import Answer, Verdict, counted
from audiences.intake.csvfile import Format, Refused
from audiences.intake.fields import Kind
from audiences.intake.records import Source, sources
from audiences.intake.rejects import Reject, Rejects
from audiences.intake.statistics import Growth
from audiences.intake.take import BATCH, BATCH_LINES, Batch, Writer, open_writer, read_batch, write_batch
from engage.orgs import jobs
from engage.orgs.jobs import Cancelled, JobFailed, Progress
from engage.orgs.models import Job, Org, User
from engage.orgs.tenancy import org_context

JOB_KIND: Final = "import"
# Notes on records that were taken, as people read them.
_NOTES: Final = {"waiting": "waiting for their customer", "invalid_contact": "with an invalid address"}
T = TypeVar("T")


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
    with Rejects(_errors_path(job), found.header, job.parameters.get("errors_size", 0)) as rejects:
        growth = Growth(kind)
        for batch in _ahead(_read(writer, sources(kind, todo, job.parameters["columns"]))):
            writer.prepare(batch.read.good)
            answers = _commit(job, writer, batch, rejects)
            growth.add(answers, writer.desk.months)
            progress.advance(job.done, counts=job.counts)


class _FileBatch:
    """Records that were read, with the rows they come from by number."""

    def __init__(self, read: Batch, by_number: dict[int, Source]) -> None:
        self.read = read
        self.sources = by_number
        self.rows = sum(len(source.rows) for source in by_number.values())


def _read(writer: Writer, found: Iterable[Source]) -> Iterator[_FileBatch]:
    """Batches of read records, numbered by the line they begin on."""
    iterator = iter(found)
    while True:
        by_number: dict[int, Source] = {}
        rows = 0
        for source in islice(iterator, BATCH):
            by_number[source.rows[0].line] = source
            rows += len(source.rows)
            if rows >= BATCH_LINES:
                break
        if not by_number:
            return
        records = [
            (number, source.record) for number, source in by_number.items() if source.record is not None
        ]
        read = read_batch(writer, records)
        for number, source in by_number.items():
            if source.why is not None:
                read.rejected.append(Answer.rejection(number, "", source.why))
        yield _FileBatch(read, by_number)


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one being made while the caller works on this one."""
    end: Any = object()
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item


def _commit(job: Job, writer: Writer, batch: _FileBatch, rejects: Rejects) -> list[Answer]:
    """One batch, and how far the job is, in one transaction."""
    before = job.done
    with org_context(job.org_id):
        # What a crash of the server may lose here it loses together with the job's place in the file, and the job's
        # last commit waits for the disk.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
        answers = write_batch(job.org_id, writer, batch.read, timezone.now())
        job.done = before + batch.rows
        job.counts = _summed(job.counts, answers)
        job.parameters["errors_size"] = rejects.add(_rejects(answers, batch))
        jobs.stand(job, since=before)
    if job.counts[Verdict.REJECTED.value]:
        job.errors_file = str(_errors_path(job).relative_to(settings.MEDIA_ROOT))
    return answers


def _rejects(answers: Iterable[Answer], batch: _FileBatch) -> Iterator[Reject]:
    for answer in answers:
        if answer.verdict is Verdict.REJECTED:
            for row in batch.sources[answer.number].rows:
                yield Reject(row, answer.code, answer.reason)


def _summed(counts: dict[str, int], answers: Sequence[Answer]) -> dict[str, int]:
    """Records in = created + updated + unchanged + rejected; notes on some of them stand beside."""
    total = {
        verdict.value: counts.get(verdict.value, 0) + n
        for verdict, n in zip(Verdict, counted(answers).values(), strict=True)
    }
    for code, words in _NOTES.items():
        noted = counts.get(words, 0) + sum(answer.code == code for answer in answers)
        if noted:
            total[words] = noted
    return total


def _errors_path(job: Job) -> Path:
    return jobs.folder(job) / "rejected-rows.csv"
