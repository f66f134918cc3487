"""Reviewed SQL that is too long for a Python literal: read once from `campaigns/sql/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> str:
    """The text of `<name>.sql`. Its `{fragments}` are SQL of ours, never data; data goes into named parameters."""
    return (_FOLDER / f"{name}.sql").read_text()
