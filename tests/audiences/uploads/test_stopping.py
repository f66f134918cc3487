"""A list's job that is killed, cancelled, or taken by two workers leaves no half list."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from django.utils import timezone

from audiences.models import Audience, AudienceVersion, ListMember
from audiences.uploads import finishing, making
from engage.orgs import jobs
from engage.orgs.models import Job, Org, User
from engage.orgs.tenancy import org_context
from tests.audiences.intake.asking import customers
from tests.audiences.uploads.asking import ID, begin, errors, finished, listed, made, members
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(org: Org, tmp_path: Path) -> Path:
    """1,000 rows: 900 customers, 80 of them twice, 20 nobody's."""
    customers(org, *({"external_id": f"C-{n}"} for n in range(900)))
    found = tmp_path / "list.csv"
    rows = (
        [f"C-{n},{n}" for n in range(900)]
        + [f"X-{n},x" for n in range(20)]
        + [f"C-{n},last" for n in range(80)]
    )
    found.write_text("id,tag\n" + "\n".join(rows) + "\n")
    return found


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audiences.uploads.making.BATCH", 100)


class At300(jobs.Progress):
    """Does something between two batches."""

    def advance(self, done: int, *, total: int | None = None, counts: dict[str, int] | None = None) -> None:
        if done == 300 and total is None:
            self.interrupt()
        super().advance(done, total=total, counts=counts)

    def interrupt(self) -> None:
        raise jobs.LostJob


def _lease_ends(org: Org, job: Job) -> None:
    with org_context(org.pk):
        Job.objects.for_org(org).filter(pk=job.pk).update(lease_until=NOW.replace(year=2020))


def _is_whole(org: Org, job: Job) -> None:
    whole = finished(org, job)
    assert (whole.status, whole.done) == ("done", 1000)
    assert whole.counts == {"accepted": 900, "merged duplicates": 80, "rejected": 20}
    assert [row[0] for row in errors(whole)[1:]] == [f"X-{n}" for n in range(20)]
    found = members(org, whole)
    assert (len(found), found["C-0"], found["C-79"], found["C-80"]) == (900, ["last"], ["last"], ["80"])
    with org_context(org.pk):
        assert AudienceVersion.objects.for_org(org).count() == 1


@pytest.mark.usefixtures("small_batches")
def test_half_a_list_is_never_seen_and_goes_on_where_it_was(org: Org, marketer: User, path: Path) -> None:
    """A-25, Q-18, Q-19"""
    job = begin(org, marketer, path, ID, "Tag")
    jobs.run(org.pk, job.pk, At300)
    with org_context(org.pk):
        assert ListMember.objects.for_org(org).count() == 300
        assert not Audience.objects.for_org(org).exists()
        assert not AudienceVersion.objects.for_org(org).exists()
    _lease_ends(org, job)
    jobs.run(org.pk, job.pk)
    _is_whole(org, job)


@pytest.mark.usefixtures("small_batches")
def test_a_cancelled_upload_leaves_nothing(org: Org, marketer: User, path: Path) -> None:
    """A-25"""

    class Cancels(At300):
        def interrupt(self) -> None:
            with org_context(org.pk):
                jobs.cancel(self.job, by=marketer, at=timezone.now())

    job = begin(org, marketer, path, ID, "Tag")
    jobs.run(org.pk, job.pk, Cancels)
    assert finished(org, job).status == "cancelled"
    with org_context(org.pk):
        assert not ListMember.objects.for_org(org).exists()
        assert not Audience.objects.for_org(org).exists()


@pytest.mark.usefixtures("small_batches")
def test_cancelling_added_rows_leaves_the_list_as_it_was(
    org: Org, marketer: User, path: Path, tmp_path: Path
) -> None:
    """A-24, A-25"""
    first = made(org, marketer, tmp_path, "id,tag\nC-5,mine\nC-899,mine\n", ID, "Tag")
    before = listed(org, first)

    class Cancels(At300):
        def interrupt(self) -> None:
            with org_context(org.pk):
                jobs.cancel(self.job, by=marketer, at=timezone.now())

    more = tmp_path / "more.csv"
    more.write_text("id,tag\n" + "".join(f"C-{n},new\n" for n in range(900)))
    jobs.run(org.pk, begin(org, marketer, more, ID, "Tag", onto=before).pk, Cancels)
    assert listed(org, first).current_id == before.current_id
    assert members(org, first) == {"C-5": ["mine"], "C-899": ["mine"]}


@pytest.mark.usefixtures("small_batches")
def test_two_workers_that_hold_one_upload_make_one_list(org: Org, marketer: User, path: Path) -> None:
    """Q-18, Q-19"""

    class Overtaken(At300):
        def interrupt(self) -> None:
            _lease_ends(org, self.job)
            jobs.run(org.pk, self.job.pk)

    job = begin(org, marketer, path, ID, "Tag")
    jobs.run(org.pk, job.pk, Overtaken)
    _is_whole(org, job)


def test_a_worker_that_dies_after_the_list_was_made_is_only_missing_its_count(
    org: Org, marketer: User, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-25, Q-19"""
    job = begin(org, marketer, path, ID, "Tag")
    finish = finishing.finish

    def dies(job: Job, **more: object) -> None:
        finish(job, at=timezone.now())
        raise jobs.LostJob

    monkeypatch.setattr(finishing, "finish", dies)
    jobs.run(org.pk, job.pk)
    monkeypatch.undo()
    _lease_ends(org, job)
    jobs.run(org.pk, job.pk)
    _is_whole(org, job)
    version = listed(org, job).current
    assert version is not None
    assert version.counted_at is not None


KILLED = """
import django, sys
django.setup()
from audiences.uploads import making
from engage.orgs import jobs
making.BATCH = 200
jobs.run(int(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_killed_upload_is_never_half_visible_and_ends_as_if_undisturbed(
    org: Org, marketer: User, tmp_path: Path, process_environment: dict[str, str],
    victims: list[subprocess.Popen[bytes]],
) -> None:  # fmt: skip
    """A-22, A-25, Q-18, Q-19"""
    customers(org, *({"external_id": f"C-{n}"} for n in range(10_000)))
    path = tmp_path / "list.csv"
    with path.open("w") as stream:
        stream.write("id,tag\n")
        stream.writelines(f"{'X' if n % 100 == 0 else 'C'}-{n % 10_000},{n}\n" for n in range(30_000))
    job = begin(org, marketer, path, ID, "Tag")
    environment = {**os.environ, **process_environment, "DJANGO_SETTINGS_MODULE": "engage.settings"}
    for kill_after in (2_000, 12_000):
        victim = subprocess.Popen([sys.executable, "-c", KILLED, str(org.pk), str(job.pk)], env=environment)
        victims.append(victim)
        deadline = time.monotonic() + 60
        while (done := finished(org, job).done) < kill_after and time.monotonic() < deadline:
            time.sleep(0.01)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert 0 < done < 30_000
        half = finished(org, job)
        assert half.done == sum(half.counts.values())
        with org_context(org.pk):
            assert ListMember.objects.for_org(org).count() == half.counts["accepted"]
            assert not Audience.objects.for_org(org).exists()
        _lease_ends(org, job)
    jobs.run(org.pk, job.pk)
    whole = finished(org, job)
    assert (whole.status, whole.done) == ("done", 30_000)
    assert whole.counts == {"accepted": 9_900, "merged duplicates": 19_800, "rejected": 300}
    assert len(errors(whole)) == 1 + 300
    assert {int(tags[0]) // 10_000 for tags in members(org, whole).values()} == {2}


def test_memory_is_that_of_a_few_batches_however_long_the_file(
    org: Org, marketer: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-18, Q-20: a million rows need what these need, times the true size of a batch."""
    customers(org, *({"external_id": f"C-{n}"} for n in range(50)))
    true_size, small = making.BATCH, 250
    monkeypatch.setattr(making, "BATCH", small)
    peaks = []
    for rows in (500, 1_000, 6_000):
        path = tmp_path / f"{rows}.csv"
        path.write_text("id,tag\n" + "".join(f"{'X' if n % 3 else 'C'}-{n % 50},{n}\n" for n in range(rows)))
        job = begin(org, marketer, path, ID, "Tag")
        tracemalloc.start()
        jobs.run(org.pk, job.pk)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert finished(org, job).status == "done"
    _warm, short, long = peaks
    assert long < 1.3 * short
    assert long * true_size / small < 200 * 1024 * 1024
