"""Bills of customers who are not known yet: kept as they came, joined when the customer arrives (A-15)."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from audiences.intake.answers import Verdict
from audiences.intake.bill_records import BillRecord, Who
from audiences.intake.bills import as_json
from audiences.intake.staging import execute, fetch, staged

_LOAD: Final = """
SELECT external_id, customer_kind, customer_key, record, received_at FROM audiences_waitingtransaction
WHERE org_id = %(org)s AND external_id = ANY(%(ids)s)
"""
_DROP: Final = """
DELETE FROM audiences_waitingtransaction WHERE org_id = %(org)s AND external_id = ANY(%(ids)s)
"""
_STAGE: Final = (
    "external_id text, customer_kind text, customer_key bigint, record jsonb, received_at timestamptz"
)
_PUT: Final = """
INSERT INTO audiences_waitingtransaction (org_id, external_id, customer_kind, customer_key, record, received_at)
SELECT %(org)s, external_id, customer_kind, customer_key, record, received_at FROM incoming_waiting
ON CONFLICT (org_id, external_id) DO UPDATE
SET customer_kind = excluded.customer_kind, customer_key = excluded.customer_key, record = excluded.record
"""
_ARRIVED: Final = """
SELECT kept.record FROM audiences_waitingtransaction kept
WHERE kept.org_id = %(org)s
  AND (kept.customer_kind, kept.customer_key) IN (SELECT * FROM unnest(%(kinds)s::text[], %(keys)s::bigint[]))
ORDER BY kept.id
"""


@dataclass(slots=True)
class _Kept:
    kind: str
    key: int
    raw: dict[str, Any]
    received_at: datetime


class Shelf:
    """The waiting bills that a batch speaks of. Nothing is written before `write`."""

    def __init__(self, org_id: int, external_ids: Collection[str]) -> None:
        self.org_id = org_id
        rows = fetch(_LOAD, org=org_id, ids=list(external_ids)) if waits_for_any(org_id) else []
        self._kept = {
            external_id: _Kept(kind, key, json.loads(raw), received_at)
            for external_id, kind, key, raw, received_at in rows
        }
        self._gone: set[str] = set()
        self._dirty: set[str] = set()

    def __contains__(self, external_id: str) -> bool:
        return external_id in self._kept

    def get(self, external_id: str) -> dict[str, Any] | None:
        """The record kept of this bill, as it came."""
        kept = self._kept.get(external_id)
        return kept.raw if kept else None

    def everything(self) -> list[dict[str, Any]]:
        """Every record on the shelf."""
        return [kept.raw for kept in self._kept.values()]

    def keep(self, record: BillRecord, who: Who, at: datetime) -> Verdict:
        """Keep the record until its customer arrives, in place of what was kept of the bill before."""
        kept = self._kept.get(record.external_id)
        if kept is not None and kept.raw == record.raw:
            return Verdict.UNCHANGED
        received_at = kept.received_at if kept else at
        self._kept[record.external_id] = _Kept(who.kind, who.key, record.raw, received_at)
        self._dirty.add(record.external_id)
        self._gone.discard(record.external_id)
        return Verdict.UPDATED if kept else Verdict.CREATED

    def change(self, external_id: str, raw: dict[str, Any]) -> None:
        """Another record for a bill that is kept."""
        self._kept[external_id].raw = raw
        self._dirty.add(external_id)

    def release(self, external_id: str) -> datetime | None:
        """The bill found its customer. Returns when it first came, None when it did not wait."""
        kept = self._kept.pop(external_id, None)
        if kept is None:
            return None
        self._gone.add(external_id)
        self._dirty.discard(external_id)
        return kept.received_at

    def write(self) -> None:
        if self._gone:
            execute(_DROP, org=self.org_id, ids=list(self._gone))
        if self._dirty:
            kept = [(external_id, self._kept[external_id]) for external_id in sorted(self._dirty)]
            rows = [(name, row.kind, row.key, as_json(row.raw), row.received_at) for name, row in kept]
            with staged("incoming_waiting", _STAGE, rows):
                execute(_PUT, org=self.org_id)


def waits_for_any(org_id: int) -> bool:
    """Whether any bill of the org waits: mostly not, and then arrivals need no look-up."""
    found = "SELECT EXISTS (SELECT FROM audiences_waitingtransaction WHERE org_id = %(org)s)"
    return bool(fetch(found, org=org_id)[0][0])


def arrived(org_id: int, keys: Collection[tuple[str, int]]) -> list[dict[str, Any]]:
    """The records kept for customers found by these (kind, key)."""
    kinds, numbers = (list(column) for column in zip(*keys, strict=True))
    return [json.loads(raw) for (raw,) in fetch(_ARRIVED, org=org_id, kinds=kinds, keys=numbers)]
