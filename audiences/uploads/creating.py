"""Customers that a list names and nobody knows, made with consent unset where whoever uploads may (A-21)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from audiences.intake.answers import Rejected, Verdict
from audiences.intake.fields import Kind, Record, sheets
from audiences.intake.staging import fetch, only_one_intake
from audiences.intake.take import open_writer, read_batch, write_batch
from audiences.uploads.columns import Meaning
from audiences.uploads.reading import Line
from engage.orgs.models import OrgUnit, User

# Whoever has the external id or an address already is not new, though no customer of the list's unit.
_KNOWN: Final = """
SELECT ref.key FROM unnest(%(external)s::bigint[]) AS wanted (key)
JOIN audiences_externalref ref ON ref.org_id = %(org)s AND ref.kind = 'customer' AND ref.key = wanted.key
UNION ALL
SELECT wanted.key FROM unnest(%(email)s::bigint[]) AS wanted (key)
WHERE EXISTS (SELECT 1 FROM audiences_addressref ref
              WHERE ref.org_id = %(org)s AND ref.kind = 'email' AND ref.key = wanted.key)
UNION ALL
SELECT wanted.key FROM unnest(%(phone)s::bigint[]) AS wanted (key)
WHERE EXISTS (SELECT 1 FROM audiences_addressref ref
              WHERE ref.org_id = %(org)s AND ref.kind = 'phone' AND ref.key = wanted.key)
"""


class Creator:
    """Makes customers of rows through the intake, under its rules. Make it inside the org's context."""

    def __init__(
        self, org_id: int, unit: OrgUnit | None, *, source: str, by: User | None, at: datetime
    ) -> None:
        self._org_id = org_id
        self._unit = unit
        self._writer = open_writer(org_id, Kind.CUSTOMERS, source=source, at=at, by=by)

    def create(self, lines: Sequence[Line], at: datetime) -> tuple[int, dict[int, Rejected]]:
        """How many were made of these unknown rows, and why the others were not, by line of the file.

        A new customer has an external id (A-01). The first row of one makes it; of rows that give one address to
        several, the first of them too: matched again, the others are ambiguous. So it does not matter where a batch
        ends.
        """
        only_one_intake(self._org_id)
        refused: dict[int, Rejected] = {}
        records: list[tuple[int, Record]] = []
        met = self._known(lines)
        for line in lines:
            if line.external_id is None or line.number is not None:
                continue
            keys = {key for key in (line.external_key, line.email_key, line.phone_key) if key is not None}
            if not keys & met:
                records.append((line.row.line, self._record(line)))
            met |= keys
        batch = read_batch(self._writer, sheets(records))
        answers = write_batch(self._org_id, self._writer, batch, at)
        for answer in answers:
            if answer.verdict is Verdict.REJECTED:
                refused[answer.number] = Rejected(answer.code, answer.field, answer.reason)
        return sum(answer.verdict is Verdict.CREATED for answer in answers), refused

    def _known(self, lines: Sequence[Line]) -> set[int]:
        keys = {
            "external": [line.external_key for line in lines if line.external_key is not None],
            "email": [line.email_key for line in lines if line.email_key is not None],
            "phone": [line.phone_key for line in lines if line.phone_key is not None],
        }
        return {key for (key,) in fetch(_KNOWN, org=self._org_id, **keys)}

    def _record(self, line: Line) -> Record:
        record = {"external_id": line.external_id or ""}
        record |= {one.value: line.given[one] for one in (Meaning.EMAIL, Meaning.PHONE) if one in line.given}
        return record | ({"units": self._unit.code} if self._unit else {})
