"""Writing customers: a batch is read against what is stored, compared in memory, and written set-based.

Only what differs is written, so a repeated file leaves every row as it was (Q-19).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Final

from audiences import consent
from audiences.intake import customer_parts as parts
from audiences.intake.answers import Answer, Verdict
from audiences.intake.arrivals import join_arrived
from audiences.intake.customer_records import CustomerReader, CustomerRecord
from audiences.intake.customer_state import State
from audiences.intake.desk import Desk
from audiences.intake.fields import Kind
from audiences.intake.staging import execute, fetch, new_ids, staged
from audiences.intake.waiting import waits_for_any

_COLUMNS: Final = {
    "first_name": "text", "last_name": "text", "name_norm": "text", "surname_norm": "text", "gender": "text",
    "birth_date": "date", "anniversary": "date", "language": "text", "time_zone": "text", "country": "text",
    "region": "text", "region_norm": "text", "city": "text", "city_norm": "text", "home_store_id": "bigint",
    "registered_at": "timestamptz", "loyalty_member": "boolean", "tier": "text", "points": "bigint",
    "do_not_disturb": "boolean DEFAULT false",
}  # fmt: skip
_NAMES: Final = ", ".join(_COLUMNS)
_STAGE: Final = "id bigint, key bigint, external_id text, fresh boolean DEFAULT true, " + ", ".join(
    f"{name} {kind}" for name, kind in _COLUMNS.items()
)
_FIND: Final = """
SELECT ref.value, ref.customer_id FROM unnest(%(keys)s::bigint[]) AS wanted (key)
JOIN audiences_externalref ref ON ref.org_id = %(org)s AND ref.kind = 'customer' AND ref.key = wanted.key
"""
_LOAD: Final = f"""
SELECT customer.id, {_NAMES} FROM unnest(%(ids)s::bigint[]) AS wanted (id)
JOIN audiences_customer customer ON customer.org_id = %(org)s AND customer.id = wanted.id
"""
_INSERT: Final = f"""
INSERT INTO audiences_customer (org_id, id, external_id, {_NAMES}, created_at, updated_at)
SELECT %(org)s, id, external_id, {_NAMES}, %(at)s, %(at)s FROM incoming_customer WHERE fresh
"""
_INSERT_REFS: Final = """
INSERT INTO audiences_externalref (org_id, kind, key, value, customer_id)
SELECT %(org)s, 'customer', key, external_id, id FROM incoming_customer WHERE fresh ORDER BY key
"""
_UPDATE: Final = f"""
UPDATE audiences_customer customer
SET ({_NAMES}, updated_at) = ({", ".join(f"incoming.{name}" for name in _COLUMNS)}, %(at)s)
FROM incoming_customer incoming
WHERE NOT incoming.fresh AND customer.org_id = %(org)s AND customer.id = incoming.id
"""


class CustomerWriter:
    """Writes batches of customers of one org. Call inside its context, after `only_one_intake`."""

    kind = Kind.CUSTOMERS

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.read = CustomerReader(desk)
        self.fields = self.read.fields

    def name_of(self, record: CustomerRecord) -> str:
        return record.external_id

    def prepare(self, batch: Sequence[tuple[int, CustomerRecord]]) -> None:
        """Nothing is needed before the transaction."""

    def write(self, batch: Sequence[tuple[int, CustomerRecord]], at: datetime) -> list[Answer]:
        """One answer a record, in order. Several records of one customer are taken one after the other."""
        records = [record for _, record in batch]
        stores = self.desk.stores.resolve(record.home_store for record in records if record.home_store)
        ids = self._find(records)
        newcomers = _newcomers(records, ids)
        states = self._load(records, ids, newcomers)
        answers = []
        for number, record in batch:
            note = "invalid_contact" if record.malformed else ""
            state = states.get(record.external_id)
            if state is None:
                answers.append(Answer(number, record.external_id, Verdict.CREATED, note))
                continue
            new = state.fresh and not state.dirty
            changed = state.take(record, stores)
            state.dirty |= new
            verdict = Verdict.CREATED if new else Verdict.UPDATED if changed else Verdict.UNCHANGED
            answers.append(Answer(number, record.external_id, verdict, note))
        dirty = [state for state in states.values() if state.dirty]
        # An address that came after its owner's no is bound too; who is new said nothing yet.
        said_no = {state.id for state in dirty if not state.fresh}
        self._write_newcomers(list(newcomers.values()), stores, ids, at)
        self._write_states(dirty, ids, at)
        self._write_consents(ids, records, answers, said_no, at)
        return answers

    def _find(self, records: Sequence[CustomerRecord]) -> dict[str, int]:
        """The ids of those who are known."""
        keys = {record.external_id: record.key for record in records}
        rows = fetch(_FIND, org=self.desk.org_id, keys=list(keys.values()))
        return {value: pk for value, pk in rows if value in keys}

    def _load(
        self, records: Sequence[CustomerRecord], ids: Mapping[str, int], newcomers: Container[str]
    ) -> dict[str, State]:
        """Everybody else in the batch as they are stored, the new ones empty."""
        spoken = [record for record in records if record.external_id not in newcomers]
        states = {record.external_id: State(record.external_id, record.key) for record in spoken}
        if ids:
            by_id = {pk: states[value] for value, pk in ids.items()}
            for pk, *row in fetch(_LOAD, org=self.desk.org_id, ids=list(by_id)):
                state = by_id[pk]
                state.id, state.fresh = pk, False
                state.row = dict(zip(_COLUMNS, row, strict=True))
            parts.load(self.desk.org_id, by_id, spoken)
        return states

    def _write_newcomers(
        self, records: Sequence[CustomerRecord], stores: Mapping[str, int], ids: dict[str, int], at: datetime
    ) -> None:
        if not records:
            return
        shape = records[0].shape
        pairs = list(zip(new_ids("audiences_customer_id_seq", len(records)), records, strict=True))
        ids.update((record.external_id, pk) for pk, record in pairs)
        rows = (
            (pk, record.key, record.external_id, *record.own, *_store(record, stores)) for pk, record in pairs
        )
        names = (*shape.own, "home_store_id") if shape.home_store else shape.own
        with staged("incoming_customer", _STAGE, rows, ("id", "key", "external_id", *names)):
            execute(_INSERT, org=self.desk.org_id, at=at)
            execute(_INSERT_REFS, org=self.desk.org_id)
        org_id = self.desk.org_id
        contacts = [
            (pk, kind, *address, True)
            for place, (_, kind, _) in enumerate(shape.addresses)
            for pk, record in pairs
            if (address := record.addresses[place]) is not None
        ]
        parts.add_contacts(org_id, contacts, at)
        if shape.attributes:
            parts.put_attributes(
                org_id,
                [
                    (pk, attribute_id, typed)
                    for pk, record in pairs
                    for attribute_id, typed in zip(shape.attributes.values(), record.attributes, strict=True)
                    if typed is not None
                ],
            )
        if shape.units:
            parts.put_units(org_id, [(pk, unit) for pk, record in pairs for unit in record.units or ()])
        self._join_waiting(contacts, [record.key for record in records], at)

    def _write_states(self, states: Sequence[State], ids: dict[str, int], at: datetime) -> None:
        fresh = [state for state in states if state.fresh]
        for state, pk in zip(fresh, new_ids("audiences_customer_id_seq", len(fresh)), strict=True):
            state.id = ids[state.external_id] = pk
        if states:
            rows = ((s.id, s.key, s.external_id, s.fresh, *map(s.row.get, _COLUMNS)) for s in states)
            with staged("incoming_customer", _STAGE, rows):
                if fresh:
                    execute(_INSERT, org=self.desk.org_id, at=at)
                    execute(_INSERT_REFS, org=self.desk.org_id)
                if len(fresh) < len(states):
                    execute(_UPDATE, org=self.desk.org_id, at=at)
        added = parts.write(self.desk.org_id, states, at)
        self._join_waiting(added, [state.key for state in fresh], at)

    def _join_waiting(self, contacts: Sequence[parts.Contact], keys: Sequence[int], at: datetime) -> None:
        """Bills that waited for these customers or addresses become theirs (A-15)."""
        if (contacts or keys) and waits_for_any(self.desk.org_id):
            arrived = {(kind, key) for _, kind, _, key, well_formed, _ in contacts if well_formed}
            join_arrived(self.desk, arrived | {("customer", key) for key in keys}, at)

    def _write_consents(
        self,
        ids: Mapping[str, int],
        records: Sequence[CustomerRecord],
        answers: Sequence[Answer],
        changed: set[int],
        at: datetime,
    ) -> None:
        facts = [
            consent.Fact(
                ids[record.external_id], said.channel, said.message_class, said.value,
                said.at or at, said.source, said.at is not None,
            )
            for record in records
            for said in record.consents
        ]  # fmt: skip
        heard = consent.take_facts(self.desk.org_id, facts, received_at=at)
        if heard:
            for record, answer in zip(records, answers, strict=True):
                news = bool(record.consents) and ids[record.external_id] in heard
                if news and answer.verdict is Verdict.UNCHANGED:
                    answer.verdict = Verdict.UPDATED
        if heard | changed:
            consent.bind_addresses(self.desk.org_id, heard | changed)


def _newcomers(records: Sequence[CustomerRecord], known: Container[str]) -> dict[str, CustomerRecord]:
    """Those of whom nothing is stored, and one record of the batch's first shape says everything."""
    shape = records[0].shape
    if not shape.only_primary:
        return {}
    times = Counter(record.external_id for record in records)
    return {
        record.external_id: record
        for record in records
        if record.external_id not in known and record.shape is shape and times[record.external_id] == 1
    }


def _store(record: CustomerRecord, stores: Mapping[str, int]) -> tuple[int | None, ...]:
    if not record.shape.home_store:
        return ()
    return (stores[record.home_store] if record.home_store else None,)
