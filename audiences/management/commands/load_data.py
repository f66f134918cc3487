"""engage load-data: the operator's way to import a file, with progress; the same job as from the page."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from audiences.intake import Kind, Verdict, csvfile, files, header
from audiences.intake.csvfile import Format, Refused
from audiences.intake.take import open_writer
from engage.orgs import jobs
from engage.orgs.models import Job, Org
from engage.orgs.tenancy import org_context

_UNFINISHED = (Job.Status.WAITING, Job.Status.RUNNING)


class _Printing(jobs.Progress):
    """Progress on the terminal as well as on the job's page."""

    began = 0.0

    def advance(self, done: int, *, total: int | None = None, counts: dict[str, int] | None = None) -> None:
        super().advance(done, total=total, counts=counts)
        if not self.began:
            self.began, self.first = time.monotonic(), done
        seconds = max(time.monotonic() - self.began, 0.001)
        pace = (done - self.first) / seconds
        print(f"{done:,} of {self.job.total or 0:,} rows, {pace:,.0f} a second", flush=True)  # noqa: T201


class Command(BaseCommand):
    """Load a CSV file of customers, stores, zones, products, transactions or lines into an organisation.

    Run again after an interruption, it goes on where it was. The same file twice changes nothing.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--org", required=True, help="the organisation's short name, as in its address")
        parser.add_argument("--kind", required=True, choices=[kind.value for kind in Kind])
        parser.add_argument("--encoding", choices=list(csvfile.ENCODINGS), help="detected when left out")
        parser.add_argument(
            "--delimiter", choices=list(csvfile.DELIMITERS.values()), help="detected when left out"
        )
        parser.add_argument(
            "--map", action="append", default=[], metavar="COLUMN=FIELD", help="say which field a column is"
        )
        parser.add_argument(
            "--ignore", action="append", default=[], metavar="COLUMN", help="leave a column out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        org = Org.objects.filter(slug=options["org"]).first()
        if org is None:
            raise CommandError(f"There is no organisation “{options['org']}”.")
        path: Path = options["file"].resolve()
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            job = self._unfinished(org, path, options) or self._start(org, path, options)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        jobs.run(org.pk, job.pk, _Printing)
        self._report(org, job)

    def _unfinished(self, org: Org, path: Path, options: dict[str, Any]) -> Job | None:
        """An import of this very file that was interrupted."""
        with org_context(org.pk):
            job = (
                Job.objects.for_org(org)
                .filter(kind=files.JOB_KIND, source_file=str(path), status__in=_UNFINISHED)
                .first()
            )
            if (
                job is None
                or job.parameters.get("stamp") != _stamp(path)
                or job.parameters["kind"] != options["kind"]
            ):
                return None
            # The operator says that nobody works on it any more.
            Job.objects.for_org(org).filter(pk=job.pk).update(lease_until=job.created_at)
        self.stdout.write(f"Going on with job {job.pk} after {job.done:,} rows.")
        return job

    def _start(self, org: Org, path: Path, options: dict[str, Any]) -> Job:
        looked = csvfile.look(path)
        delimiters = {word: delimiter for delimiter, word in csvfile.DELIMITERS.items()}
        how = Format(
            options["encoding"] or looked.format.encoding,
            delimiters.get(options["delimiter"], looked.format.delimiter),
        )
        kind, at = Kind(options["kind"]), timezone.now()
        stated = dict.fromkeys(options["ignore"], header.IGNORE)
        for pair in options["map"]:
            column, _, field = pair.rpartition("=")
            stated[column] = field
        heading = csvfile.look(path, how).preview[0]
        with org_context(org.pk):
            fields = open_writer(org, kind, source=path.name, at=at).fields
            columns = header.settle(kind, heading, fields, stated)
            job = files.start(org, kind, path, filename=path.name, how=how, columns=columns, by=None, at=at)
            job.parameters["stamp"] = _stamp(path)
            job.save(update_fields=["parameters"])
        return job

    def _report(self, org: Org, job: Job) -> None:
        with org_context(org.pk):
            job = Job.objects.for_org(org).get(pk=job.pk)
        words = [*Verdict, *(word for word in job.counts if word not in set(Verdict))]
        counts = ", ".join(f"{job.counts.get(word, 0):,} {word}" for word in words)
        if job.status in _UNFINISHED:
            self.stdout.write(f"Job {job.pk} is being worked on by another process.")
        elif job.status != Job.Status.DONE:
            raise CommandError(f"{job.error or job.get_status_display()} ({counts})")
        else:
            self.stdout.write(f"Done: {counts}.")
            if job.errors_file:
                self.stdout.write(f"Rejected rows: {jobs.folder(job) / Path(job.errors_file).name}")


def _stamp(path: Path) -> list[int]:
    """Tells whether the file is still the one that was begun with."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]
