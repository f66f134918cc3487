"""Writing customers: a batch is read against what is stored, compared in memory, and written set-based.

Only what differs is written, so a repeated file leaves every row as it was (Q-19).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

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
    "do_not_disturb": "boolean",
}  # fmt: skip
_NAMES: Final = ", ".join(_COLUMNS)
_STAGE: Final = "id bigint, fresh boolean, key bigint, external_id text, " + ", ".join(
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
        states = self._load(records)
        stores = self.desk.stores.resolve(
            record.home_store[0] for record in records if record.home_store and record.home_store[0]
        )
        answers = []
        for number, record in batch:
            state = states[record.external_id]
            new = state.fresh and not state.dirty
            changed = state.take(record, stores)
            state.dirty |= new
            verdict = Verdict.CREATED if new else Verdict.UPDATED if changed else Verdict.UNCHANGED
            note = "invalid_contact" if record.malformed else ""
            answers.append(Answer(number, record.external_id, verdict, note))
        self._write_rows([state for state in states.values() if state.dirty], at)
        self._write_consents(states, records, answers, at)
        return answers

    def _load(self, records: Sequence[CustomerRecord]) -> dict[str, State]:
        """The customers of the batch as they are stored; new ones empty."""
        org_id = self.desk.org_id
        states = {record.external_id: State(record.external_id, record.key) for record in records}
        keys = [state.key for state in states.values()]
        known = {value: pk for value, pk in fetch(_FIND, org=org_id, keys=keys) if value in states}
        if not known:
            return states
        by_id = {pk: states[value] for value, pk in known.items()}
        for pk, *row in fetch(_LOAD, org=org_id, ids=list(by_id)):
            state = by_id[pk]
            state.id, state.fresh = pk, False
            state.row = dict(zip(_COLUMNS, row, strict=True))
        parts.load(org_id, by_id, records)
        return states

    def _write_rows(self, states: list[State], at: datetime) -> None:
        fresh = [state for state in states if state.fresh]
        for state, pk in zip(fresh, new_ids("audiences_customer_id_seq", len(fresh)), strict=True):
            state.id = pk
        if states:
            with staged("incoming_customer", _STAGE, map(_staged_row, states)):
                if fresh:
                    execute(_INSERT, org=self.desk.org_id, at=at)
                    execute(_INSERT_REFS, org=self.desk.org_id)
                if len(fresh) < len(states):
                    execute(_UPDATE, org=self.desk.org_id, at=at)
        added = parts.write(self.desk.org_id, states, at)
        if waits_for_any(self.desk.org_id):
            arrived = {(contact.kind, contact.key) for contact in added if contact.well_formed}
            arrived |= {("customer", state.key) for state in fresh}
            join_arrived(self.desk, arrived, at)

    def _write_consents(
        self, states: dict[str, State], records: Sequence[CustomerRecord], answers: list[Answer], at: datetime
    ) -> None:
        facts = [
            consent.Fact(
                states[record.external_id].id, said.channel, said.message_class, said.value,
                said.at or at, said.source, said.at is not None,
            )
            for record in records
            for said in record.consents
        ]  # fmt: skip
        heard = consent.take_facts(self.desk.org_id, facts, received_at=at)
        for record, answer in zip(records, answers, strict=True):
            news = bool(record.consents) and states[record.external_id].id in heard
            if news and answer.verdict is Verdict.UNCHANGED:
                answer.verdict = Verdict.UPDATED
        # An address that came after its owner's no is bound too; a fresh customer without consent said nothing yet.
        said_no = heard | {state.id for state in states.values() if not state.fresh and state.dirty}
        if said_no:
            consent.bind_addresses(self.desk.org_id, said_no)


def _staged_row(state: State) -> list[Any]:
    return [state.id, state.fresh, state.key, state.external_id, *map(state.row.get, _COLUMNS)]
