"""What was accepted: one append-only file an account, written before the answer leaves.

Lines that arrive together are written together (`Writer`), so one `write()`, and one `fsync` when asked for, serves all
connections that were read in the same turn of the loop.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """What the carrier knows of a message when it takes it. `shift` is in seconds."""

    via: str
    reference: str
    key: str
    part: int
    message_id: str
    sender: str
    recipient: str
    size: int
    sha: str
    shift: int
    answer: str


class Row(NamedTuple):
    """A line of the ledger. `at` is in milliseconds since 1970."""

    seq: int
    at: int
    entry: Entry


COLUMNS = ("seq", "at", *Entry._fields)
LINE = "\t".join(["%s"] * len(COLUMNS)) + "\n"
LONGEST = 16384
HEADING = ("\t".join(COLUMNS) + "\n").encode()


def parsed(line: str) -> Row:
    seq, at, via, reference, key, part, message_id, sender, recipient, size, sha, shift, answer = line.split(
        "\t"
    )
    entry = Entry(
        via, reference, key, int(part), message_id, sender, recipient, int(size), sha, int(shift), answer
    )
    return Row(int(seq), int(at), entry)


def write_all(fd: int, data: bytes) -> None:
    """A short write (a disk that fills) is tried again, and then raises."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Ledger:
    """One account's file. `end` counts the lines not written yet as well."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pending: list[bytes] = []
        self.written = self._without_torn_line()
        if not self.written:
            write_all(self._fd, HEADING)
            self.written = len(HEADING)
        self.end = self.written
        last = self._last_row()
        self.seq, self._at = (last.seq, last.at) if last else (0, 0)

    def _without_torn_line(self) -> int:
        """The length up to the last whole line: a torn one was never answered."""
        size = os.fstat(self._fd).st_size
        tail_at = max(0, size - LONGEST)
        whole = tail_at + os.pread(self._fd, LONGEST, tail_at).rfind(b"\n") + 1
        os.ftruncate(self._fd, whole)
        return whole

    def _last_row(self) -> Row | None:
        tail = os.pread(self._fd, LONGEST, max(0, self.written - LONGEST)).split(b"\n")[-2]
        return None if tail + b"\n" == HEADING else parsed(tail.decode())

    def add(self, entry: Entry) -> int:
        """Take the entry into the next write; its number is its place in the ledger."""
        self.seq += 1
        now = time.time_ns() // 1_000_000
        self._at = max(now, self._at)
        line = (LINE % (self.seq, self._at, *entry)).encode()
        self._pending.append(line)
        self.end += len(line)
        return self.seq

    def write(self, *, fsync: bool) -> None:
        write_all(self._fd, b"".join(self._pending))
        self._pending.clear()
        if fsync:
            os.fdatasync(self._fd)
        self.written = self.end

    def row(self, offset: int) -> Row:
        return parsed(os.pread(self._fd, LONGEST, offset).split(b"\n", 1)[0].decode())

    def rows(self, offset: int, *, most: int = 4 * LONGEST) -> tuple[list[tuple[int, Row]], int]:
        """Written rows from this offset on with their offsets, about `most` bytes of them, and where they end."""
        offset, rows = max(offset, len(HEADING)), []
        for line in os.pread(self._fd, max(0, min(most, self.written - offset)), offset).split(b"\n")[:-1]:
            rows.append((offset, parsed(line.decode())))
            offset += len(line) + 1
        return rows, offset


class Store(Protocol):
    def write(self, *, fsync: bool) -> None: ...


class Writer:
    """Writes what arrived in one turn of the loop, then lets its answers go."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, fsync: bool, failed: Callable[[OSError], None]
    ) -> None:
        self._loop = loop
        self._fsync = fsync
        self._failed = failed
        self._stores: dict[Store, None] = {}
        self._then: list[Callable[[], None]] = []

    @property
    def pending(self) -> bool:
        return bool(self._stores)

    def ask(self, *stores: Store) -> None:
        """Write these with this turn's others, in the order in which they were first asked for."""
        if not self._stores:
            self._loop.call_soon(self.write)
        for store in stores:
            self._stores[store] = None

    def then(self, call: Callable[[], None]) -> None:
        self._then.append(call)

    def write(self) -> None:
        stores, self._stores = self._stores, {}
        calls, self._then = self._then, []
        try:
            for store in stores:
                store.write(fsync=self._fsync)
        except OSError as error:
            self._failed(error)
            return
        for call in calls:
            call()
