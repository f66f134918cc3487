"""Files as people make them: recognised, read, or refused with a reason."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.intake import csvfile
from audiences.intake.csvfile import Format, Refused
from engage.orgs.spreadsheet import harmless, restored

TEXT = "external_id;first_name;city\nC-1;Zoë;München\nC-2;Łukasz;Kraków\n"
WESTERN = "external_id;first_name;city\nC-1;Zoë;München\nC-2;José;Málaga\n"


def written(folder: Path, content: bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "text", "detected"),
    [
        ("utf-8", TEXT, "utf-8-sig"),
        ("utf-8-sig", TEXT, "utf-8-sig"),
        ("utf-16", TEXT, "utf-16"),
        ("utf-16-le", TEXT, "utf-16-le"),
        ("utf-16-be", TEXT, "utf-16-be"),
        ("cp1252", WESTERN * 5, "cp1252"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encoding_and_delimiter_are_detected_and_the_first_rows_shown(
    tmp_path: Path, encoding: str, text: str, detected: str, delimiter: str
) -> None:
    """A-18, Q-20"""
    look = csvfile.look(written(tmp_path, text.replace(";", delimiter).encode(encoding)))
    assert look.format == Format(detected, delimiter)
    assert look.preview[:2] == [["external_id", "first_name", "city"], ["C-1", "Zoë", "München"]]


def test_what_was_detected_can_be_overruled(tmp_path: Path) -> None:
    """A-18"""
    path = written(tmp_path, "name;city\nZoë;Köln, Mitte\n".encode("cp1252"))
    look = csvfile.look(path, Format("cp1252", ","))
    assert look.preview == [["name;city"], ["Zoë;Köln", " Mitte"]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\n \n", "empty"),
        (b"id,name\n", "no rows"),
        (b"PK\x03\x04rest", "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"id,name\n1,a\x00b\n" + b"x" * 99, "NUL"),
        (b'id,name\n1,"Asha\n2,Ravi\n', "cut off"),
        (b'id,name\n1,"Asha" Rao\n', "quote"),
        (b'id,name\n1,"' + b"a,b\n" * 60_000, "never ends"),
        (b"id,name\n" + b"1," * 400 + b"\n", "columns"),
        (b"id,name\n1," + b"a" * 1_000_001, "longer"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    """Q-20"""
    path = written(tmp_path, content)
    with pytest.raises(Refused, match=reason):
        csvfile.inspect(path, csvfile.look(path).format)


def test_a_file_in_another_encoding_than_stated_is_refused_not_garbled(tmp_path: Path) -> None:
    """Q-20"""
    path = written(tmp_path, b"id,name\n" + b"1,Asha\n" * 50_000 + "2,Zoë\n".encode("cp1252"))
    with pytest.raises(Refused, match="not valid Unicode"):
        csvfile.inspect(path, Format("utf-8-sig", ","))
    path.write_bytes("id,name\n1,Asha\n".encode("utf-16")[:-1])
    with pytest.raises(Refused, match="not valid Unicode"):
        csvfile.inspect(path, Format("utf-16", ","))


def test_more_rows_than_allowed_are_refused(tmp_path: Path) -> None:
    """Q-20"""
    path = written(tmp_path, b"id\n" + b"1\n" * 11)
    assert csvfile.inspect(path, Format("utf-8-sig", ","), most_rows=11).rows == 11
    with pytest.raises(Refused, match="more than 10 rows"):
        csvfile.inspect(path, Format("utf-8-sig", ","), most_rows=10)


def test_a_row_is_known_by_the_line_it_begins_on(tmp_path: Path) -> None:
    """A-24"""
    path = written(tmp_path, b'id,note\n1,"two\nlines"\n\n2,x\n')
    assert [(row.line, row.cells) for row in csvfile.rows(path, Format("utf-8-sig", ","))] == [
        (1, ["id", "note"]),
        (2, ["1", "two\nlines"]),
        (5, ["2", "x"]),
    ]


_CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.lists(_CELLS, min_size=2, max_size=4).filter(any), min_size=1, max_size=6))
def test_whatever_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]
) -> None:
    """Q-20, Q-21"""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([harmless(cell) for cell in row] for row in table)
    path = written(tmp_path_factory.getbasetemp(), buffer.getvalue().encode())
    assert [row.cells for row in csvfile.rows(path, Format("utf-8", ","))] == table


@given(st.binary(max_size=300))
def test_no_bytes_do_worse_than_a_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Q-20"""
    path = written(tmp_path_factory.getbasetemp(), content)
    with suppress(Refused):
        assert csvfile.inspect(path, csvfile.look(path).format).rows


@given(st.text(max_size=20) | st.from_regex(r"'*[=+\-@\t\r].*"))
def test_formulas_are_harmless_and_every_cell_survives_the_round_trip(cell: str) -> None:
    """Q-21"""
    safe = harmless(cell)
    assert restored(safe) == cell
    assert safe[:1] not in set("=+-@\t\r＝＋－＠−")
    assert harmless("+919812345670") == "'+919812345670"
