"""A customer in memory, between what is stored and what a batch of records makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from audiences.intake.customer_records import Address, CustomerRecord
from audiences.keys import folded

_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
_NOBODY: Final[frozenset[int]] = frozenset()


class Held(NamedTuple):
    """An address of a customer, kept by its key."""

    value: str
    primary: bool


class State:
    """A customer while its batch is worked on: as stored, then as the records leave it.

    The mappings are replaced as a whole, never written into, so that new customers share the empty ones.
    """

    __slots__ = (
        "attributes", "contacts", "dirty", "external_id", "fresh", "id", "key", "malformed", "row",
        "stored_attributes", "stored_contacts", "stored_units", "units",
    )  # fmt: skip

    def __init__(self, external_id: str, key: int) -> None:
        self.external_id = external_id
        self.key = key
        self.id = 0
        self.fresh = True
        self.dirty = False
        self.row: dict[str, Any] = {"do_not_disturb": False}
        self.stored_contacts: Mapping[str, Mapping[int, Held]] = _NOTHING
        self.stored_attributes: Mapping[int, dict[str, Any]] = _NOTHING
        self.stored_units: frozenset[int] = _NOBODY
        self.contacts = self.stored_contacts
        self.attributes = self.stored_attributes
        self.units = self.stored_units
        self.malformed: frozenset[int] = _NOBODY

    def take(self, record: CustomerRecord, stores: dict[str, int]) -> bool:
        """Bring the record in; whether it changed anything but consent."""
        changed = False
        columns = record.columns
        if record.home_store is not None:
            code = record.home_store[0]
            columns = {**columns, "home_store_id": stores[code] if code else None}
        if self.fresh and not self.dirty:
            self.row.update(columns)
        else:
            changed = any(self.row.get(name) != value for name, value in columns.items())
            self.row.update(columns)
        if changed or self.fresh:
            self._name(columns)
        for kind in record.addresses:
            changed |= self._take_addresses(kind, record)
        if record.attributes:
            merged = {**self.attributes, **record.attributes}
            now = {attribute_id: value for attribute_id, value in merged.items() if value is not None}
            if now != self.attributes:
                self.attributes, changed = now, True
        if record.units is not None and self.units != frozenset(record.units):
            self.units, changed = frozenset(record.units), True
        self.dirty |= changed
        return changed

    def _name(self, columns: Mapping[str, Any]) -> None:
        """The name's normal form needs both parts, of which a record may give one."""
        if "first_name" in columns or "last_name" in columns:
            name = folded(f"{self.row.get('first_name') or ''} {self.row.get('last_name') or ''}")
            self.row["name_norm"] = name[:201] or None

    def _take_addresses(self, kind: str, record: CustomerRecord) -> bool:
        given = record.addresses.get(kind)
        if not given:
            return False
        held = self.contacts.get(kind, _NOTHING)
        # What the record does not speak of stays.
        now = {key: contact for key, contact in held.items() if contact.primary not in given} if held else {}
        others: list[Address] = given.get(False) or []
        primary: Address | None = given.get(True)
        for other in others:
            now[other.key] = Held(other.value, primary=False)
        if primary is not None:
            now[primary.key] = Held(primary.value, primary=True)
        if now == held:
            return False
        self.contacts = {**self.contacts, kind: now}
        if record.malformed:
            given_now = [*others, primary] if primary else others
            self.malformed |= {address.key for address in given_now if not address.well_formed}
        return True
