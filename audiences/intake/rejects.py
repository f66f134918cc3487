"""The errors file: each rejected row as it was uploaded, plus line, code and plain reason (A-24).

It is written beside the database's transaction: flushed to disk before a batch commits, and cut back to what was
committed when a killed import goes on.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from audiences.intake.csvfile import Row
from audiences.intake.header import ERROR_COLUMNS
from engage.orgs.spreadsheet import harmless


class Reject(NamedTuple):
    """A row that was not taken, and why."""

    row: Row
    code: str
    reason: str


class Rejects:
    """Appends to the errors file at `path`. `size` is what the last committed batch left, 0 for a new import."""

    def __init__(self, path: Path, header: Sequence[str], size: int) -> None:
        self._path = path
        self._header = header
        self._size = size

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        os.truncate(self._path, self._size)
        # The mark tells spreadsheets that the file is UTF-8.
        encoding = "utf-8" if self._size else "utf-8-sig"
        self._stream: IO[str] = self._path.open("a", encoding=encoding, newline="")
        self._writer = csv.writer(self._stream)
        if not self._size:
            self._write([[*self._header, *ERROR_COLUMNS]])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def add(self, rejects: Iterable[Reject]) -> int:
        """Write rows and wait until the disk has them. Returns the file's size, to be committed with the batch."""
        width = len(self._header)
        self._write(
            [
                *reject.row.cells,
                *[""] * (width - len(reject.row.cells)),
                reject.row.line,
                reject.code,
                reject.reason,
            ]
            for reject in rejects
        )
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._size = os.fstat(self._stream.fileno()).st_size
        return self._size

    def _write(self, rows: Iterable[Sequence[Any]]) -> None:
        self._writer.writerows([harmless(str(cell)) for cell in row] for row in rows)
