"""What a campaign is for: the nine objectives with their help, and the values that two of them name (C-03, C-04)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any, Final

from django.db.models import Q, QuerySet

from campaigns.checklist import VALUE_MODELS
from campaigns.models import Objective
from engage.orgs.models import Org

HELP: Final[dict[str, str]] = {
    Objective.SALES: "Raise sales overall: end-of-season sale, deep discount.",
    Objective.ACQUIRE: "Win new customers: acquisition, referral.",
    Objective.PRODUCTS: "A product, brand or category: new collection, winter launch.",
    Objective.FEEDBACK: "Learn about their experience.",
    Objective.RETENTION: "Offers that keep customers: bigger bills, recency and frequency groups.",
    Objective.WIN_BACK: "Offers to those who stopped buying.",
    Objective.CAPTURE: "Birth date, gender, interests, anniversary.",
    Objective.GREETINGS: "Festivals, birthdays, anniversaries.",
    Objective.VISITS: "Bring people to a store, city or zone.",
}
# The kinds of values that an objective is about, in the order of the picker.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    Objective.PRODUCTS: ("categories", "items"),
    Objective.VISITS: ("zones", "stores"),
}
LABELS: Final = {
    "categories": "Categories",
    "items": "Item codes",
    "zones": "Zones and sub-zones",
    "stores": "Stores",
}
SHOWN: Final = 20


@dataclass(frozen=True)
class Value:
    """One value that can be picked. `under` tells two of the same name apart."""

    kind: str
    code: str
    name: str
    under: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.code}"

    @property
    def dom_id(self) -> str:
        """The same for the same value, so that the focus survives a new search; a code may hold anything."""
        return f"pick-{blake2s(self.key.encode(), digest_size=8).hexdigest()}"


@dataclass(frozen=True)
class Found:
    """The first values that a search finds, and how many there are."""

    values: list[Value]
    count: int


def _rows(org: Org, kind: str) -> QuerySet[Any]:
    rows: QuerySet[Any] = VALUE_MODELS[kind].objects.for_org(org)  # type: ignore[attr-defined]  # every model has one
    if kind == "stores":
        return rows.select_related("zone")
    return rows if kind == "items" else rows.select_related("parent")


def _value(kind: str, row: Any) -> Value:
    if kind == "items":
        return Value(kind, row.code, row.name or row.code, row.code)
    if kind == "stores":
        about = [row.code, row.city, row.zone.name if row.zone else ""]
        return Value(kind, row.code, row.name or row.code, " · ".join(part for part in about if part))
    return Value(kind, row.code, row.name, row.parent.name if row.parent else "")


def find(org: Org, kind: str, text: str = "") -> Found:
    """Values by a part of their name or code; without text the first ones."""
    rows = _rows(org, kind)
    if text := text.strip():
        rows = rows.filter(Q(name__icontains=text) | Q(code__icontains=text))
    return Found([_value(kind, row) for row in rows[:SHOWN]], rows.count())


def named(org: Org, codes: Mapping[str, Sequence[str]]) -> list[Value]:
    """The values behind stored codes. One that is gone from the catalogue keeps its code as its name."""
    found = []
    for kind, wanted in codes.items():
        known = {row.code: _value(kind, row) for row in _rows(org, kind).filter(code__in=wanted)}
        found += [known.get(code, Value(kind, code, code, "no longer in the catalogue")) for code in wanted]
    return found


def sorted_codes(keys: Iterable[str], objective: str) -> dict[str, list[str]]:
    """`kind:code` as posted, as the campaign stores them; other kinds than the objective's fall away."""
    pairs = {(kind, code) for kind, _, code in (key.partition(":") for key in keys) if code}
    kinds = KINDS.get(objective, ())
    codes = {kind: sorted(code for of, code in pairs if of == kind) for kind in kinds}
    return {kind: found for kind, found in codes.items() if found}


def unknown(org: Org, codes: Mapping[str, Sequence[str]]) -> list[str]:
    """The codes that the catalogue does not hold."""
    gone: list[str] = []
    for kind, wanted in codes.items():
        known = set(_rows(org, kind).filter(code__in=wanted).values_list("code", flat=True))
        gone += [code for code in wanted if code not in known]
    return gone


@dataclass(frozen=True)
class Shelf:
    """One attribute of the picker: what was chosen, then what the search found."""

    kind: str
    text: str
    chosen: list[Value]
    found: Found

    @property
    def label(self) -> str:
        return LABELS[self.kind]

    @property
    def rows(self) -> list[tuple[Value, bool]]:
        """Chosen ones that the search does not show come first, so that each stays in the form exactly once."""
        picked = {value.key for value in self.chosen}
        shown = {value.key for value in self.found.values}
        hidden = [(value, True) for value in self.chosen if value.key not in shown]
        return hidden + [(value, value.key in picked) for value in self.found.values]


def shelves(org: Org, objective: str, keys: Iterable[str], searches: Mapping[str, str]) -> list[Shelf]:
    """The picker of an objective; empty for one that names no values."""
    chosen = sorted_codes(keys, objective)
    return [
        Shelf(
            kind,
            searches.get(kind, ""),
            named(org, {kind: chosen[kind]}) if kind in chosen else [],
            find(org, kind, searches.get(kind, "")),
        )
        for kind in KINDS.get(objective, ())
    ]
