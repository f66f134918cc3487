"""A customer in memory, between what is stored and what a batch of records makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from audiences.intake.customer_records import ADDRESSES, Address, CustomerRecord
from audiences.models import ContactPoint

KINDS: Final = tuple(ContactPoint.Kind.values)


class Held(NamedTuple):
    """An address of a customer, kept by its key."""

    value: str
    primary: bool


@dataclass(slots=True)
class State:
    """A customer while its batch is worked on: as stored, then as the records leave it."""

    external_id: str
    id: int = 0
    fresh: bool = True
    dirty: bool = False
    row: dict[str, Any] = field(default_factory=lambda: {"do_not_disturb": False})
    contacts: dict[str, dict[int, Held]] = field(default_factory=dict)
    stored_contacts: dict[str, dict[int, Held]] = field(default_factory=dict)
    attributes: dict[int, dict[str, Any]] = field(default_factory=dict)
    stored_attributes: dict[int, dict[str, Any]] = field(default_factory=dict)
    malformed: set[int] = field(default_factory=set)
    units: set[int] = field(default_factory=set)
    stored_units: set[int] = field(default_factory=set)

    def take(self, record: CustomerRecord, stores: dict[str, int]) -> bool:
        """Bring the record in; whether it changed anything but consent."""
        changed = False
        columns = record.columns
        if record.home_store is not None:
            code = record.home_store[0]
            columns = {**columns, "home_store_id": stores[code] if code else None}
        for name, value in columns.items():
            if self.row.get(name) != value:
                self.row[name] = value
                changed = True
        for kind in KINDS if record.addresses else ():
            changed |= self._take_addresses(kind, record)
        for attribute_id, value in record.attributes.items():
            if self.attributes.get(attribute_id) != value:
                changed = True
                if value is None:
                    del self.attributes[attribute_id]
                else:
                    self.attributes[attribute_id] = value
        if record.units is not None and self.units != set(record.units):
            self.units = set(record.units)
            changed = True
        self.dirty |= changed
        return changed

    def _take_addresses(self, kind: str, record: CustomerRecord) -> bool:
        given = {
            primary: record.addresses[name]
            for name, (of_kind, primary) in ADDRESSES.items()
            if of_kind == kind and name in record.addresses
        }
        if not given:
            return False
        held = self.contacts.get(kind, {})
        # What the record does not speak of stays.
        now = {key: contact for key, contact in held.items() if contact.primary not in given}
        others: list[Address] = given.get(False) or []
        primary: Address | None = given.get(True)
        now.update({other.key: Held(other.value, False) for other in others})  # noqa: FBT003
        if primary is not None:
            now[primary.key] = Held(primary.value, True)  # noqa: FBT003
        if now == held:
            return False
        self.malformed.update(
            address.key for address in (*others, primary) if address and not address.well_formed
        )
        self.contacts[kind] = now
        return True
