"""A customer in memory, between what is stored and what a batch of records makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from audiences.intake.customer_records import Address, CustomerRecord, name_norm

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

    def take(self, record: CustomerRecord, stores: Mapping[str, int]) -> bool:
        """Bring the record in; whether it changed anything but consent."""
        shape = record.shape
        columns = dict(zip(shape.own, record.own, strict=True))
        if shape.home_store:
            columns["home_store_id"] = stores[record.home_store] if record.home_store else None
        if "name_norm" in columns and not shape.full_name:
            # The name's normal form needs both parts, of which the record gives one.
            now = {**self.row, **columns}
            columns["name_norm"] = name_norm(now.get("first_name"), now.get("last_name"))
        changed = any(self.row.get(name) != value for name, value in columns.items())
        if self.fresh and not self.dirty:
            changed = False
        self.row.update(columns)
        given: dict[str, dict[bool, Any]] = {}
        for (_, kind, primary), value in zip(shape.addresses, record.addresses, strict=True):
            given.setdefault(kind, {})[primary] = value
        for kind, addresses in given.items():
            changed |= self._take_addresses(kind, addresses, malformed=record.malformed)
        if shape.attributes:
            merged = {
                **self.attributes,
                **dict(zip(shape.attributes.values(), record.attributes, strict=True)),
            }
            held = {attribute_id: value for attribute_id, value in merged.items() if value is not None}
            if held != self.attributes:
                self.attributes, changed = held, True
        if record.units is not None and self.units != frozenset(record.units):
            self.units, changed = frozenset(record.units), True
        self.dirty |= changed
        return changed

    def _take_addresses(self, kind: str, given: Mapping[bool, Any], *, malformed: bool) -> bool:
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
        if malformed:
            given_now = [*others, primary] if primary else others
            self.malformed |= {address.key for address in given_now if not address.well_formed}
        return True
