"""Imports of files: what is taken, what comes back as an errors file, and what a kill leaves."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from audiences.intake import Kind, csvfile, files, header
from audiences.intake.take import open_writer
from audiences.models import ContactPoint, Customer, Transaction, TransactionLine
from engage.orgs import jobs
from engage.orgs.models import Job, Org
from engage.orgs.tenancy import org_context
from tests.audiences.intake.asking import NOW

Importer = Callable[..., Job]


def begin(org: Org, kind: Kind, path: Path, **mapping: str) -> Job:
    """The job of a file, as a page would start it."""
    look = csvfile.look(path)
    with org_context(org.pk):
        fields = open_writer(org, kind, source="f", at=timezone.now()).fields
        columns = header.settle(kind, look.preview[0], fields, mapping)
        return files.start(
            org, kind, path, filename=path.name, how=look.format, columns=columns, by=None, at=timezone.now()
        )


@pytest.fixture
def imported(org: Org, tmp_path: Path) -> Importer:
    """Import a text as a file and return the finished job."""

    def run(text: str, kind: Kind = Kind.CUSTOMERS, encoding: str = "utf-8", **mapping: str) -> Job:
        path = tmp_path / f"{kind}.csv"
        path.write_bytes(text.encode(encoding))
        job = begin(org, kind, path, **mapping)
        jobs.run(org.pk, job.pk)
        return finished(org, job)

    return run


def finished(org: Org, job: Job) -> Job:
    with org_context(org.pk):
        return Job.objects.for_org(org).get(pk=job.pk)


def errors(job: Job) -> list[list[str]]:
    with (Path(settings.MEDIA_ROOT) / job.errors_file).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def test_records_in_are_created_updated_unchanged_and_rejected(org: Org, imported: Importer) -> None:
    """A-12, A-17, Q-18"""
    imported("external_id,city\nC-1,Pune\nC-2,Pune\n")
    job = imported(
        "external_id,city,points,Remark\nC-1,Pune,,hi\nC-2,Delhi,,\nC-3,,5,\nC-4,,five,=1+1\nC-5,,\n",
        Remark="",
    )
    assert (job.status, job.error, job.done, job.total) == ("done", "", 5, 5)
    assert job.counts == {"created": 1, "updated": 1, "unchanged": 1, "rejected": 2}
    reason = "This must be a number like 1234: digits and a point, no grouping."
    assert errors(job) == [
        ["external_id", "city", "points", "Remark", *header.ERROR_COLUMNS],
        ["C-4", "", "five", "'=1+1", "5", "bad_number", f"points: {reason}"],
        ["C-5", "", "", "", "6", "cells", "The row has 3 cells, the header 4."],
    ]  # fmt: skip
    with org_context(org.pk):
        assert Customer.objects.for_org(org).count() == 3


def test_an_errors_file_comes_back_corrected(org: Org, imported: Importer, tmp_path: Path) -> None:
    """A-24, Q-21"""
    job = imported("external_id,phone,points\nC-1,+919812345670,five\n")
    text = (Path(settings.MEDIA_ROOT) / job.errors_file).read_text(encoding="utf-8-sig")
    assert "'+919812345670" in text
    again = imported(text.replace("five", "5"))
    assert again.counts == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 0}
    assert not again.errors_file
    with org_context(org.pk):
        assert ContactPoint.objects.for_org(org).get().value == "+919812345670"


def test_the_same_file_twice_leaves_the_same_data(imported: Importer) -> None:
    """A-13, Q-19"""
    text = "external_id;first_name;email;email_promotional\nC-1;Zoë;zoe@example.com;no\nC-2;José;j@example.com;\n"
    first, second = imported(text, encoding="cp1252"), imported(text, encoding="cp1252")
    assert first.counts == {"created": 2, "updated": 0, "unchanged": 0, "rejected": 0}
    assert second.counts == {"created": 0, "updated": 0, "unchanged": 2, "rejected": 0}


def test_bills_may_carry_their_lines_in_rows_of_their_own(org: Org, imported: Importer) -> None:
    """A-12, A-14, Q-18"""
    imported("external_id\nC-1\n")
    head = "bill,customer,at,net,line_no,item,amount\n"
    job = imported(
        head
        + "B-1,C-1,2026-11-01,30,1,SKU-1,10\nB-1,C-1,2026-11-01,30,2,SKU-2,20\n"
        + "B-2,C-1,2026-11-02,5,,,\n"
        + "B-3,C-1,2026-11-02,5,1,SKU-1,5\nB-3,C-1,2026-11-02,6,2,SKU-1,5\n"
        + "B-1,C-1,2026-11-01,30,3,SKU-3,30\n",
        Kind.TRANSACTIONS,
    )
    assert job.counts == {"created": 2, "updated": 0, "unchanged": 0, "rejected": 2}
    assert [(row[0], row[-2]) for row in errors(job)[1:]] == [
        ("B-3", "rows_differ"), ("B-3", "rows_differ"), ("B-1", "line_order"),
    ]  # fmt: skip
    with org_context(org.pk):
        lines = TransactionLine.objects.for_org(org).order_by("line_no")
        assert [(line.line_no, line.amount) for line in lines] == [(1, 1000), (2, 2000)]


def test_notes_on_accepted_records_stand_beside_the_counts(imported: Importer) -> None:
    """A-15, A-17"""
    assert imported("external_id,email\nC-1,nobody\n").counts == {
        "created": 1, "updated": 0, "unchanged": 0, "rejected": 0, "with an invalid address": 1,
    }  # fmt: skip
    waiting = imported("bill,customer,at,net\nB-1,C-9,2026-11-01,3\n", Kind.TRANSACTIONS)
    assert waiting.counts["waiting for their customer"] == 1


def test_nothing_is_taken_of_a_file_that_cannot_be_read_to_its_end(org: Org, imported: Importer) -> None:
    """Q-19, Q-20"""
    job = imported("external_id,first_name\nC-1,Asha\n" * 200 + 'C-2,"Ravi\n')
    assert job.status == "failed"
    assert "cut off" in job.error
    with org_context(org.pk):
        assert not Customer.objects.for_org(org).exists()


def test_an_uploaded_file_is_gone_when_its_import_is_over(org: Org) -> None:
    """Q-25"""
    path = Path(settings.MEDIA_ROOT) / str(org.pk) / "upload.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("external_id\nC-1\n")
    job = begin(org, Kind.CUSTOMERS, path)
    jobs.run(org.pk, job.pk)
    assert finished(org, job).status == "done"
    assert not path.exists()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH", 100)


class Interrupted(jobs.Progress):
    """A progress that breaks off as a kill would, between two batches."""

    def advance(self, done: int, *, total: int | None = None, counts: dict[str, int] | None = None) -> None:
        super().advance(done, total=total, counts=counts)
        if done >= 300:
            raise jobs.LostJob


@pytest.mark.usefixtures("small_batches")
def test_an_interrupted_import_goes_on_where_it_was(org: Org, tmp_path: Path) -> None:
    """Q-18, Q-19"""
    path = tmp_path / "c.csv"
    path.write_text(
        "external_id,points\n" + "".join(f"C-{n},{'x' if n % 50 == 0 else n}\n" for n in range(1000))
    )
    job = begin(org, Kind.CUSTOMERS, path)
    jobs.run(org.pk, job.pk, Interrupted)
    half = finished(org, job)
    assert (half.status, half.done, half.counts) == (
        "running", 300, {"created": 294, "updated": 0, "unchanged": 0, "rejected": 6},
    )  # fmt: skip
    # What a killed batch had already written beside its transaction is cut away.
    with (jobs.folder(job) / "rejected-rows.csv").open("a") as stream:
        stream.write("half a row")
    _lease_ends(org, job)
    jobs.run(org.pk, job.pk)
    whole = finished(org, job)
    assert (whole.status, whole.done) == ("done", 1000)
    assert whole.counts == {"created": 980, "updated": 0, "unchanged": 0, "rejected": 20}
    assert [row[0] for row in errors(whole)[1:]] == [f"C-{n}" for n in range(0, 1000, 50)]


def _lease_ends(org: Org, job: Job) -> None:
    with org_context(org.pk):
        Job.objects.for_org(org).filter(pk=job.pk).update(lease_until=NOW.replace(year=2020))


@pytest.mark.usefixtures("small_batches")
def test_two_workers_that_hold_one_import_cannot_both_commit(org: Org, tmp_path: Path) -> None:
    """Q-18, Q-19"""
    path = tmp_path / "c.csv"
    path.write_text("external_id\n" + "".join(f"C-{n}\n" for n in range(300)))
    job = begin(org, Kind.CUSTOMERS, path)

    class Overtaken(jobs.Progress):
        def advance(
            self, done: int, *, total: int | None = None, counts: dict[str, int] | None = None
        ) -> None:
            super().advance(done, total=total, counts=counts)
            if done == 100:
                _lease_ends(org, job)
                jobs.run(org.pk, job.pk)

    jobs.run(org.pk, job.pk, Overtaken)
    assert (finished(org, job).status, finished(org, job).counts["created"]) == ("done", 300)


@pytest.mark.usefixtures("small_batches")
def test_a_cancelled_import_keeps_whole_batches_and_says_which(org: Org, tmp_path: Path) -> None:
    """A-17, Q-19"""
    path = tmp_path / "c.csv"
    path.write_text("external_id\n" + "".join(f"C-{n}\n" for n in range(300)))
    job = begin(org, Kind.CUSTOMERS, path)

    class AskedToStop(jobs.Progress):
        def advance(
            self, done: int, *, total: int | None = None, counts: dict[str, int] | None = None
        ) -> None:
            if done == 200:
                with org_context(org.pk):
                    Job.objects.for_org(org).filter(pk=job.pk).update(cancel_asked_at=timezone.now())
            super().advance(done, total=total, counts=counts)

    jobs.run(org.pk, job.pk, AskedToStop)
    stopped = finished(org, job)
    assert (stopped.status, stopped.counts["created"]) == ("cancelled", 200)
    with org_context(org.pk):
        assert Customer.objects.for_org(org).count() == 200


KILLED = """
import django, sys
django.setup()
from audiences.intake import files
from engage.orgs import jobs
files.BATCH = 200
jobs.run(int(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_killed_import_is_never_half_visible_and_ends_as_if_undisturbed(
    org: Org, tmp_path: Path, process_environment: dict[str, str], victims: list[subprocess.Popen[bytes]]
) -> None:
    """Q-18, Q-19"""
    rows = 30_000
    path = tmp_path / "b.csv"
    with path.open("w") as stream:
        stream.write("bill,customer,at,net,line_no,item,amount\n")
        for n in range(rows // 2):
            for line in (1, 2):
                net = "x" if n % 500 == 0 else 10
                stream.write(f"B-{n},C-{n % 7},2026-1{n % 2}-0{n % 9 + 1},{net},{line},S-{n % 20},5\n")
    customers = tmp_path / "c.csv"
    customers.write_text("external_id\n" + "".join(f"C-{n}\n" for n in range(6)))
    jobs.run(org.pk, begin(org, Kind.CUSTOMERS, customers).pk)
    job = begin(org, Kind.TRANSACTIONS, path)
    environment = {**os.environ, **process_environment, "DJANGO_SETTINGS_MODULE": "engage.settings"}
    seen: set[int] = set()
    for kill_after in (2_000, 9_000):
        victim = subprocess.Popen([sys.executable, "-c", KILLED, str(org.pk), str(job.pk)], env=environment)
        victims.append(victim)
        deadline = time.monotonic() + 60
        while (done := finished(org, job).done) < kill_after and time.monotonic() < deadline:
            time.sleep(0.01)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        seen.add(done)
        _adds_up(org, finished(org, job))
        _lease_ends(org, job)
    assert all(0 < done < rows for done in seen)
    jobs.run(org.pk, job.pk)
    whole = finished(org, job)
    assert (whole.status, whole.done) == ("done", rows)
    waiting = sum(n % 7 == 6 and n % 500 != 0 for n in range(rows // 2))
    assert whole.counts == {
        "created": 14_970, "updated": 0, "unchanged": 0, "rejected": 30, "waiting for their customer": waiting,
    }  # fmt: skip
    assert len(errors(whole)) == 1 + 60
    with org_context(org.pk):
        assert Transaction.objects.for_org(org).count() == 14_970 - waiting
        assert TransactionLine.objects.for_org(org).count() == 2 * (14_970 - waiting)


def _adds_up(org: Org, job: Job) -> None:
    """What is visible is what the job says it did: whole batches."""
    with org_context(org.pk):
        bills = Transaction.objects.for_org(org).count()
        lines = TransactionLine.objects.for_org(org).count()
    kept = job.counts.get("waiting for their customer", 0)
    assert bills + kept == job.counts.get("created", 0)
    assert lines == 2 * bills
    assert 2 * sum(job.counts.get(word, 0) for word in ("created", "rejected")) == job.done


def test_the_operator_loads_a_file_and_is_told_what_became_of_it(
    org: Org, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A-12, A-17"""
    path = tmp_path / "c.csv"
    path.write_text("No;Name;Colour\nC-1;Asha;red\nC-2;;blue\n;x;\n")
    with pytest.raises(CommandError, match="“No”, “Name”, “Colour” is not known"):
        call_command("load_data", str(path), org="acme", kind="customers")
    mapping = {"map": ["No=external_id", "Name=first_name"], "ignore": ["Colour"]}
    call_command("load_data", str(path), org="acme", kind="customers", **mapping)
    out = capsys.readouterr().out
    assert re.search(r"3 of 3 rows", out)
    assert "Done: 2 created, 0 updated, 0 unchanged, 1 rejected." in out
    assert path.exists()
    with pytest.raises(CommandError, match="no organisation"):
        call_command("load_data", str(path), org="nobody", kind="customers")


@pytest.mark.usefixtures("small_batches")
def test_the_operators_interrupted_load_is_gone_on_with(
    org: Org, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Q-19"""
    path = tmp_path / "c.csv"
    path.write_text("external_id\n" + "".join(f"C-{n}\n" for n in range(500)))
    job = begin(org, Kind.CUSTOMERS, path)
    with org_context(org.pk):
        stat = path.stat()
        Job.objects.for_org(org).filter(pk=job.pk).update(
            parameters={**job.parameters, "stamp": [stat.st_size, stat.st_mtime_ns]}
        )
    jobs.run(org.pk, job.pk, Interrupted)
    call_command("load_data", str(path), org="acme", kind="customers")
    out = capsys.readouterr().out
    assert f"Going on with job {job.pk} after 300 rows." in out
    assert "Done: 500 created" in out
