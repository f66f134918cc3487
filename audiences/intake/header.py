"""From a file's columns to fields: what is proposed, and what a mapping may say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from audiences.intake.csvfile import Refused
from audiences.intake.fields import Kind
from audiences.intake.guide import GUIDE, REQUIRED

IGNORE: Final = ""
# Columns of an errors file, which comes back corrected.
ERROR_COLUMNS: Final = ("Rejected line", "Rejected code", "Rejected because")
_OPEN: Final = {
    Kind.TRANSACTIONS: re.compile(r"custom\.[a-z0-9_]{1,40}"),
    Kind.PRODUCTS: re.compile(r"attribute\.[a-z0-9_]{1,40}"),
}


def known_fields(kind: Kind, fields: Iterable[str]) -> list[str]:
    """What a column of a file of this kind may be; `lines` is a call's."""
    line_columns = GUIDE[Kind.LINES] if kind is Kind.TRANSACTIONS else {}
    names = dict.fromkeys([*fields, *(name for name in line_columns if name != "transaction")])
    return [name for name in names if name != "lines"]


def propose(kind: Kind, header: Sequence[str], fields: Iterable[str]) -> list[str | None]:
    """The field of each column, `IGNORE` for those of an errors file, None where nobody can tell."""
    names = known_fields(kind, fields)
    by_heading = {alias: name for name in names for alias in (*_aliases(kind, name), _plain(name), name)}
    taken: set[str] = set()
    proposed: list[str | None] = []
    for heading in header:
        found: str | None = by_heading.get(_plain(heading)) or by_heading.get(heading.strip().lower())
        if found is None and kind in _OPEN and _OPEN[kind].fullmatch(heading.strip().lower()):
            found = heading.strip().lower()
        if found is None and heading in (*ERROR_COLUMNS, ""):
            proposed.append(IGNORE)
            continue
        if found in taken:
            found = None
        if found is not None:
            taken.add(found)
        proposed.append(found)
    return proposed


def _aliases(kind: Kind, name: str) -> tuple[str, ...]:
    about = GUIDE[kind].get(name)
    # A custom attribute is also found by its bare key.
    return about.aliases if about else (name.removeprefix("attribute."),)


def _plain(heading: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", heading.strip().lower()).strip("_")


def settle(
    kind: Kind, header: Sequence[str], fields: Iterable[str], stated: Mapping[str, str] | None = None
) -> list[str]:
    """The field of each column, in order. `stated` maps headings to fields, or to `IGNORE`. Raises `Refused`."""
    names = known_fields(kind, fields)
    stated = stated or {}
    _refuse(
        [heading for heading in stated if heading not in header],
        "The file has no column {}. Its columns: " + ", ".join(header) + ".",
    )
    _refuse(
        [
            f
            for f in stated.values()
            if f and f not in names and not (kind in _OPEN and _OPEN[kind].fullmatch(f))
        ],
        "There is no field {}. Known: " + ", ".join(names) + ".",
    )
    proposed = propose(kind, header, fields)
    chosen = [stated.get(heading, found) for heading, found in zip(header, proposed, strict=True)]
    _refuse(
        [heading for heading, found in zip(header, chosen, strict=True) if found is None],
        "The column {} is not known. Say which field it is, or ignore it. Known: " + ", ".join(names) + ".",
    )
    return check(kind, [found or IGNORE for found in chosen])


def check(kind: Kind, columns: Sequence[str]) -> list[str]:
    """The columns, if a file of this kind may have them: none twice, none missing. Raises `Refused`."""
    used = [found for found in columns if found]
    _refuse(sorted({found for found in used if used.count(found) > 1}), "Two columns are the field {}.")
    _refuse(
        [name for name in REQUIRED[kind] if name not in used],
        "A file of " + kind.label.lower() + " needs a column {}.",
    )
    if kind is Kind.TRANSACTIONS and {"item", "amount"} & set(used) and "line_no" not in used:
        raise Refused("A file with lines in it needs a column “line_no”, counting from 1 on each bill.")
    return list(columns)


def _refuse(culprits: Sequence[str], reason: str) -> None:
    if culprits:
        raise Refused(reason.replace("{}", ", ".join(f"“{culprit}”" for culprit in culprits), 1))
