"""The newest messages of an account as they came, for its outbox page. Not part of any guarantee.

A segment is a file of messages end to end, with a file of fixed-size entries beside it: number, place of the row in the
ledger, place and length here. Whole segments are dropped when there are more messages than asked for.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engage.local.carrier.ledger import write_all

ENTRY = struct.Struct("<QQQQ")
MOST_BYTES = 256 * 2**20
SEGMENT_BYTES = 32 * 2**20


class Kept(NamedTuple):
    """Where a message is: `row` is the offset of its line in the ledger."""

    segment: int
    row: int
    start: int
    length: int


class Segment:
    """One pair of files; only the newest is open. What a crash left half written is cut off."""

    def __init__(self, path: Path) -> None:
        self.number = int(path.stem)
        self._body, self._index = path, path.with_suffix(".idx")
        self._open: list[int] = []
        for each in (self._body, self._index):
            each.touch(0o600)
        self.size = self._body.stat().st_size
        self.count = self._index.stat().st_size // ENTRY.size
        os.truncate(self._index, self.count * ENTRY.size)

    def entries(self) -> Iterator[tuple[int, Kept]]:
        for seq, row, start, length in ENTRY.iter_unpack(self._index.read_bytes()):
            if start + length <= self.size:
                yield seq, Kept(self.number, row, start, length)

    def append(self, bodies: list[bytes], entries: list[bytes]) -> None:
        if not self._open:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
            self._open = [os.open(each, flags) for each in (self._body, self._index)]
        for fd, parts in zip(self._open, (bodies, entries), strict=True):
            write_all(fd, b"".join(parts))
        self.count += len(entries)

    def read(self, start: int, length: int) -> bytes:
        with self._body.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def close(self) -> None:
        for fd in self._open:
            os.close(fd)
        self._open = []

    def drop(self) -> None:
        self.close()
        self._body.unlink()
        self._index.unlink()


class Outbox:
    """`keep` messages at least, a quarter more at most, and never more than 256 MB."""

    def __init__(self, folder: Path, *, keep: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.keep = keep
        self._folder = folder
        self._segments = {
            int(path.stem): Segment(path)
            for path in sorted(folder.glob("*.seg"), key=lambda path: int(path.stem))
        }
        self._kept: dict[int, Kept] = {}
        for segment in self._segments.values():
            self._kept.update(segment.entries())
        self._bodies: list[bytes] = []
        self._entries: list[bytes] = []
        self._new: list[tuple[int, Kept]] = []
        self._current = self._segments[max(self._segments)] if self._segments else self._begin(1)

    def __len__(self) -> int:
        return len(self._kept)

    def _begin(self, number: int) -> Segment:
        self._segments[number] = Segment(self._folder / f"{number}.seg")
        return self._segments[number]

    def add(self, seq: int, row: int, raw: bytes) -> None:
        current = self._current
        self._bodies.append(raw)
        self._entries.append(ENTRY.pack(seq, row, current.size, len(raw)))
        self._new.append((seq, Kept(current.number, row, current.size, len(raw))))
        current.size += len(raw)

    def write(self, *, fsync: bool) -> None:
        del fsync
        self._current.append(self._bodies, self._entries)
        self._kept.update(self._new)
        for pending in (self._bodies, self._entries, self._new):
            pending.clear()
        if self._current.count >= max(1, self.keep // 4) or self._current.size > SEGMENT_BYTES:
            self._current.close()
            self._current = self._begin(self._current.number + 1)
            self._trim()

    def _trim(self) -> None:
        oldest, *others = self._segments.values()
        while others and (
            len(self._kept) - oldest.count >= self.keep
            or sum(segment.size for segment in self._segments.values()) > MOST_BYTES
        ):
            for seq, _ in oldest.entries():
                self._kept.pop(seq, None)
            del self._segments[oldest.number]
            oldest.drop()
            oldest, *others = others

    def find(self, seq: int) -> Kept | None:
        return self._kept.get(seq)

    def newest(self, *, before: int | None, limit: int) -> list[Kept]:
        found = []
        for seq in reversed(self._kept):
            if before is None or seq < before:
                found.append(self._kept[seq])
                if len(found) == limit:
                    break
        return found

    def read(self, kept: Kept) -> bytes:
        return self._segments[kept.segment].read(kept.start, kept.length)
