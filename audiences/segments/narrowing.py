"""A condition's dates and facets as SQL over the rows that it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audiences.segments import dates
from audiences.segments.sql import Part

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition


def window(condition: Condition, frame: Frame, column: str) -> Part | None:
    """The condition's dates as a boolean over an instant; None for any time."""
    if condition.when is None:
        return None
    days = dates.span(condition.when.mode, condition.when.value, frame.today, frame.settings.week_start)
    return dates.during(column, days, frame.settings.zone).named("when_")


def narrowed(condition: Condition, frame: Frame, *columns: str) -> Part:
    """Facets and dates as ` AND …`; empty for all rows.

    Every one of `columns` must lie in the dates: tables that are joined on their time are partitioned by it, and each
    needs its own bound to leave months out.
    """
    parts = [
        test.facet.narrow(test.operator, test.value, frame).named(f"{key}_")
        for key, test in condition.where.items()
        if test.facet.narrow is not None
    ]
    windows = (window(condition, frame, column) for column in columns)
    parts += [part for part in windows if part is not None]
    params: dict[str, Any] = {}
    for part in parts:
        params |= part.params
    return Part("".join(f" AND ({part.sql})" for part in parts), params)
