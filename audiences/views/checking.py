"""The second step of any file: how it is read, and its columns with their first values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from audiences.intake import csvfile
from audiences.intake.csvfile import Format
from engage.orgs.doors import OrgRequest


def asked_format(request: OrgRequest) -> Format | None:
    """How the person says that the file is to be read; None until they say something."""
    asked = request.POST if request.method == "POST" else request.GET
    encoding, delimiter = asked.get("encoding"), asked.get("delimiter")
    if encoding in csvfile.ENCODINGS and delimiter in csvfile.DELIMITERS:
        return Format(encoding, delimiter)
    return None


def first_values(rows: Sequence[Sequence[str]], columns: int) -> list[list[str]]:
    """The values of the first rows by column, so that a mapping on a phone reads as well as on a desk."""
    by_column = [list(values) for values in zip_longest(*rows[:5], fillvalue="")]
    return [by_column[place] if place < len(by_column) else [] for place in range(columns)]
