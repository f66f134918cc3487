"""Reading delimited text files that people made: what is in them, and why one is refused (A-18, Q-20).

A file is read as a stream of bounded lines, so memory stays flat whatever its size. Everything that makes a file
unreadable is found by `inspect`, before the first record is taken.
"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final, NamedTuple

from charset_normalizer import from_bytes

from engage.orgs.spreadsheet import restored

LONGEST_LINE: Final = 1_000_000
MOST_COLUMNS: Final = 300
MOST_ROWS: Final = 20_000_000
_HEAD: Final = 256 * 1024
_PREVIEW: Final = 20

# What is offered, by Python's name. UTF-8 and UTF-16 tell themselves apart by their first bytes or their grammar.
ENCODINGS: Final = {
    "utf-8-sig": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "utf-16-le": "Unicode (UTF-16, little endian, no mark)",
    "utf-16-be": "Unicode (UTF-16, big endian, no mark)",
    "cp1252": "Western European (Windows)",
    "cp1250": "Central European (Windows)",
    "cp1251": "Cyrillic (Windows)",
    "cp1253": "Greek (Windows)",
    "cp1254": "Turkish (Windows)",
    "cp1255": "Hebrew (Windows)",
    "cp1256": "Arabic (Windows)",
    "cp874": "Thai (Windows)",
    "cp932": "Japanese (Shift JIS)",
    "gb18030": "Chinese (GB 18030)",
    "big5": "Chinese (Big 5)",
    "euc_kr": "Korean (EUC)",
    "mac_roman": "Western European (Mac)",
}
DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}
_NOT_TEXT: Final = {
    b"PK\x03\x04": "This is an Excel workbook or a zip archive. Save it as CSV and upload that.",
    b"\xd0\xcf\x11\xe0": "This is an Excel workbook. Save it as CSV and upload that.",
    b"%PDF": "This is a PDF. Upload the table it was made from, as CSV.",
    b"\x1f\x8b": "This is a compressed file. Unpack it and upload the CSV in it.",
    b"\xff\xfe\x00\x00": "This is UTF-32 text. Save it as UTF-8 and upload that.",
}


class Refused(Exception):
    """The file cannot be read; the text says where, why and what to do."""


class Format(NamedTuple):
    """How a file is to be read."""

    encoding: str
    delimiter: str


class Row(NamedTuple):
    """A row and the line of the file on which it begins."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Look:
    """What a file seems to be, for the person to confirm: `preview` is read that way, header first."""

    format: Format
    preview: list[list[str]]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file that can be read to its end. `header` is its first row, which `rows` does not count."""

    header: list[str]
    rows: int


def look(path: Path, given: Format | None = None) -> Look:
    """Detect encoding and delimiter, unless they are given, and read the first rows. Raises `Refused`."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    _refuse_what_is_no_text(head)
    encoding = given.encoding if given else _encoding(path, head)
    delimiter = given.delimiter if given else _delimiter(path, encoding)
    found = Format(encoding, delimiter)
    return Look(found, [row.cells for row in islice(rows(path, found), _PREVIEW)])


def _refuse_what_is_no_text(head: bytes) -> None:
    if not head.removeprefix(BOM_UTF8).strip():
        raise Refused("The file is empty.")
    for magic, reason in _NOT_TEXT.items():
        if head.startswith(magic):
            raise Refused(reason)


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if max(even, odd) > 4 * min(even, odd) and max(even, odd) > len(head) // 10:
            return "utf-16-be" if even > odd else "utf-16-le"
        raise Refused(
            "The file holds NUL bytes, so it is no text file. Save the table as CSV and upload that."
        )
    if _is_utf8(path):
        return "utf-8-sig"
    others = [name for name in ENCODINGS if not name.startswith("utf")]
    best = from_bytes(head, cp_isolation=others).best()
    # Several code pages often read a text alike; then the most common one is meant.
    if best is None or "cp1252" in best.could_be_from_charset or best.encoding not in ENCODINGS:
        return "cp1252"
    return best.encoding


def _is_utf8(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            while stream.read(_HEAD):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(path: Path, encoding: str) -> str:
    """The one that splits the first rows into the most columns, all rows alike."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths: list[int] = []
        # What is wrong is said when the file is read; the rows before it tell enough here.
        with suppress(Refused):
            widths.extend(len(row.cells) for row in islice(rows(path, Format(encoding, delimiter)), _PREVIEW))
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best


def rows(path: Path, how: Format) -> Iterator[Row]:
    """Every row that is not blank, the header first. Raises `Refused` where the file cannot be read on."""
    with path.open(encoding=how.encoding, newline="", errors="strict") as stream:
        lines = _Lines(stream)
        reader = csv.reader(lines, delimiter=how.delimiter, strict=True)
        line = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as problem:
                raise Refused(_explain(str(problem), line, reader.line_num)) from None
            except UnicodeError:
                name = ENCODINGS.get(how.encoding, how.encoding)
                raise Refused(
                    f"After line {reader.line_num} the file is not valid {name}. Choose another encoding."
                ) from None
            if len(cells) > MOST_COLUMNS:
                raise Refused(f"Line {line} has {len(cells)} columns; at most {MOST_COLUMNS} are read.")
            if lines.marked:
                lines.marked = False
                cells = [restored(cell) if cell[:1] == "'" else cell for cell in cells]
            if cells:
                yield Row(line, cells)
            line = reader.line_num + 1


class _Lines:
    """The lines of a stream. `marked` tells that an apostrophe passed, which may stand before a cell (Q-21)."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.marked = False

    def __iter__(self) -> Iterator[str]:
        number = 0
        while line := self._stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise Refused(f"Line {number} is longer than {LONGEST_LINE:,} characters.")
            if "\0" in line:
                raise Refused(f"Line {number} holds a NUL character. The file is damaged, or no text file.")
            if "'" in line:
                self.marked = True
            yield line


def _explain(problem: str, began: int, line: int) -> str:
    if "unexpected end of data" in problem:
        return (
            f"The file ends inside the quoted cell of the row that begins on line {began}. "
            "It is cut off, or a closing quote is missing."
        )
    if "field larger" in problem:
        return f"A cell of the row that begins on line {began} never ends. Is a closing quote missing?"
    if "expected after" in problem:
        return f"On line {line} text follows a closing quote. A quote inside a cell is written twice."
    return f"Line {line} cannot be read: {problem}."


def inspect(path: Path, how: Format, *, most_rows: int = MOST_ROWS, header: bool = True) -> Inspected:
    """Read the file to its end. Raises `Refused`, so that nothing of an unreadable file is taken.

    Without a header the first row counts as well.
    """
    reader = rows(path, how)
    first = next(reader, None)
    if first is None:
        raise Refused("The file is empty.")
    count = sum(1 for _ in islice(reader, most_rows + 1)) + (not header)
    if count > most_rows:
        raise Refused(f"The file has more than {most_rows:,} rows. Split it.")
    if count == 0:
        raise Refused("The file has a header but no rows.")
    return Inspected(first.cells, count)
