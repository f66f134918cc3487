"""The audience list: finding audiences by what stands in its columns (A-46)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import F, Q, QuerySet

from audiences import reach, usage
from audiences.models import Audience, Channel
from audiences.reachability import REACHABLE
from audiences.usage import Use
from engage.orgs.access import Access

PAGE: Final = 50
# Use is known by asking each user of audiences, so only so many are asked about.
MOST_BY_USE: Final = 2_000
LONGEST_NUMBER: Final = 16
SORTS: Final = {
    "name": F("name").asc(),
    "-name": F("name").desc(),
    "size": F("current__size").asc(nulls_last=True),
    "-size": F("current__size").desc(nulls_last=True),
    "updated": F("updated_at").asc(),
    "-updated": F("updated_at").desc(),
}


@dataclass(frozen=True)
class Listed:
    """An audience with what stands beside its name."""

    audience: Audience
    uses: list[Use]
    reachable: list[tuple[str, int]]

    @property
    def more_uses(self) -> int:
        return max(len(self.uses) - 1, 0)


@dataclass(frozen=True)
class Listing:
    rows: list[Listed]
    more: bool


def find(access: Access, asked: Mapping[str, str], *, page: int = 0) -> Listing:
    """Audiences in scope that match the list's own fields; unknown values match everything."""
    found = _matching(access, asked).order_by(SORTS.get(asked.get("sort", ""), SORTS["-updated"]), "-pk")
    if asked.get("use") in {"used", "unused"}:
        ids = list(found.values_list("pk", flat=True)[:MOST_BY_USE])
        used = {pk for pk, uses in usage.of(access.org, ids).items() if uses}
        found = found.filter(pk__in=used if asked["use"] == "used" else set(ids) - used)
    rows = list(found.select_related("current", "unit", "created_by")[page * PAGE : page * PAGE + PAGE + 1])
    uses = usage.of(access.org, [row.pk for row in rows])
    return Listing([Listed(row, uses[row.pk], reachable(row)) for row in rows[:PAGE]], more=len(rows) > PAGE)


def reachable(audience: Audience) -> list[tuple[str, int]]:
    """How many can be reached by each channel, as of the last count; empty before it."""
    if audience.current is None:
        return []
    return [
        (str(Channel(channel).label), reach.reachable(states))
        for channel, states in audience.current.reach.items()
    ]


def _matching(access: Access, asked: Mapping[str, str]) -> QuerySet[Audience]:
    found = Audience.objects.for_org(access.org).visible_to(access)
    found = found.filter(archived_at__isnull=asked.get("archived") != "1")
    if text := asked.get("q", "").strip():
        found = found.filter(name__icontains=text)
    if asked.get("kind") in Audience.Kind.values:
        found = found.filter(kind=asked["kind"])
    if asked.get("owner") == "org":
        found = found.filter(unit=None)
    elif (unit := _number(asked, "owner")) is not None:
        found = found.filter(unit_id=unit)
    if (person := _number(asked, "by")) is not None:
        found = found.filter(created_by_id=person)
    if (least := _number(asked, "size")) is not None:
        found = found.filter(current__size__gte=least)
    if asked.get("reach") in Channel.values:
        some = Q()
        for state in REACHABLE:
            some |= Q(**{f"current__reach__{asked['reach']}__{state}__gt": 0})
        found = found.filter(some)
    return found


def _number(asked: Mapping[str, str], name: str) -> int | None:
    """A whole number that the database can hold; None for anything else."""
    text = asked.get(name, "")
    return int(text) if text.isdecimal() and len(text) < LONGEST_NUMBER else None
