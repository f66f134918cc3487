"""Writing zones: a small tree, held whole while a batch is written, because a moved zone takes all below along."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from audiences.intake import values
from audiences.intake.answers import Answer, Rejected, Verdict
from audiences.intake.desk import Desk
from audiences.intake.fields import Field, Kind, Sheet, by_name, read_sheet
from audiences.models import Zone

LEVEL: Final = ">"
LONGEST_PATH: Final = 400

Given = dict[str, Any]


class ZoneWriter:
    """Writes batches of zones of one org. Call inside its context, after `only_one_intake`."""

    kind = Kind.ZONES

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.fields = by_name(
            Field("code", values.code(60)), Field("name", values.text(100)), Field("parent", values.code(60))
        )

    def read(self, sheet: Sheet) -> list[Given | Rejected]:
        return read_sheet(sheet, self.fields, "code").each(lambda _, given: given)

    def name_of(self, record: Given) -> str:
        return str(record["code"])

    def prepare(self, batch: Sequence[tuple[int, Given]]) -> None:
        """Nothing is needed before the transaction."""

    def write(self, batch: Sequence[tuple[int, Given]], at: datetime) -> list[Answer]:
        """One answer a record, in order: a parent comes before its children."""
        zones = {zone.code: zone for zone in Zone.objects.for_org(self.desk.org_id)}
        answers = []
        for number, given in batch:
            try:
                answers.append(Answer(number, given["code"], self._take(given, zones)))
            except Rejected as rejected:
                answers.append(Answer.rejection(number, given["code"], rejected))
        return answers

    def _take(self, given: Given, zones: dict[str, Zone]) -> Verdict:
        code = given["code"]
        stored = zones.get(code)
        zone = stored or Zone(org_id=self.desk.org_id, code=code, name=code)
        parent = self._parent(given, zone, zones)
        name = (given["name"] or code) if "name" in given else zone.name
        path = f"{parent.path if parent else LEVEL}{code}{LEVEL}"
        if stored and (stored.name, stored.path) == (name, path):
            return Verdict.UNCHANGED
        former = zone.path
        below = [other for other in zones.values() if former and other.path.startswith(former)]
        if (
            len(path) - len(former) + max((len(other.path) for other in below), default=len(path))
            > LONGEST_PATH
        ):
            raise Rejected("too_long", "parent", "The codes from the top down to here are too long together.")
        zone.name, zone.path, zone.parent = name, path, parent
        zone.save()
        zones[code] = zone
        for other in below:
            if other is not zone:
                other.path = path + other.path[len(former) :]
                other.save(update_fields=["path"])
        return Verdict.UPDATED if stored else Verdict.CREATED

    @staticmethod
    def _parent(given: Given, zone: Zone, zones: dict[str, Zone]) -> Zone | None:
        if "parent" not in given:
            return next((other for other in zones.values() if other.pk == zone.parent_id), None)
        code = given["parent"]
        if code is None:
            return None
        parent = zones.get(code)
        if parent is None:
            reason = f"There is no zone with the code “{code}”. A parent comes before its children."
            raise Rejected("unknown_parent", "parent", reason)
        if zone.path and parent.path.startswith(zone.path):
            raise Rejected("cycle", "parent", "A zone cannot lie inside itself.")
        return parent
