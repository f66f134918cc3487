"""Pages of a sorted list by the key of their edge, never by an offset.

Page 400 costs what page 1 costs, and rows that come or go meanwhile shift nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet
from django.db.models.expressions import Combinable

M = TypeVar("M", bound=Model)
SIZE: Final = 25


@dataclass(frozen=True)
class Column:
    """What a list can be sorted by; the id breaks ties. `field` reads the key back out of an address."""

    key: Combinable
    field: Field[Any, Any]


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, and the edges from which the previous and the next page go on: empty where there is none."""

    rows: list[M]
    before: str = ""
    after: str = ""


def page(
    rows: QuerySet[M],
    column: Column,
    *,
    descending: bool,
    after: str = "",
    before: str = "",
    size: int = SIZE,
) -> Page[M]:
    """The rows behind the edge `after`, or those in front of `before`; the first page where neither can be read."""
    backwards = bool(before) and not after
    edge = _read(before if backwards else after, column)
    if edge is None:
        backwards = False
    down = descending != backwards
    sorted_rows: QuerySet[Any] = rows.annotate(sort_key=column.key)
    if edge is not None:
        key, pk = edge
        beyond = "lt" if down else "gt"
        sorted_rows = sorted_rows.filter(
            Q(**{f"sort_key__{beyond}": key}) | Q(sort_key=key, **{f"pk__{beyond}": pk})
        )
    sign = "-" if down else ""
    found = list(sorted_rows.order_by(f"{sign}sort_key", f"{sign}pk")[: size + 1])
    more, found = len(found) > size, found[:size]
    if edge is not None and not found:
        return page(rows, column, descending=descending, size=size)
    if backwards:
        found.reverse()
    earlier, later = (more, True) if backwards else (edge is not None, more)
    return Page(found, _edge(found[0]) if earlier else "", _edge(found[-1]) if later else "")


def _edge(row: Any) -> str:
    """The row's id and key as text; an instant with Z, as a plus in an address reads as a space."""
    key = row.sort_key
    return (
        f"{row.pk}~{key.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        if isinstance(key, datetime)
        else f"{row.pk}~{key}"
    )


def _read(edge: str, column: Column) -> tuple[Any, int] | None:
    pk, separator, key = edge.partition("~")
    if not separator or not pk.isdecimal():
        return None
    try:
        return column.field.to_python(key), int(pk)
    except ValidationError:
        return None
