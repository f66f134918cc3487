"""An import's memory does not grow with its file."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from audiences.intake import Kind, csvfile, files
from audiences.intake.take import BATCH
from engage.orgs import jobs
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests.audiences.intake.asking import NOW


def _peak(org: Org, path: Path, rows: int) -> int:
    """The most memory that Python held while a file of so many rows was imported, in bytes."""
    with path.open("w") as stream:
        stream.write("external_id,first_name,email\n")
        stream.writelines(f"C-{rows}-{n},Asha,{'bad' if n % 3 else n}@example\n" for n in range(rows))
    look = csvfile.look(path)
    with org_context(org.pk):
        job = files.start(
            org, Kind.CUSTOMERS, path, filename="f", how=look.format, columns=look.preview[0], by=None, at=NOW
        )
    tracemalloc.start()
    jobs.run(org.pk, job.pk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_is_that_of_a_few_batches_however_long_the_file(
    org: Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-20: a million rows need what these need, times the true size of a batch."""
    monkeypatch.setattr(files, "BATCH", 250)
    _peak(org, tmp_path / "warm.csv", 500)
    short, long = _peak(org, tmp_path / "short.csv", 1_000), _peak(org, tmp_path / "long.csv", 6_000)
    assert long < 1.3 * short
    assert long * BATCH / 250 < 400 * 1024 * 1024
