"""Reading one customer record: own fields, addresses, consent, custom attributes, units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from audiences.contacts import LONGEST, Malformed, address_key, normal
from audiences.intake import values
from audiences.intake.desk import Desk
from audiences.intake.fields import Field, Record, by_name, read_record, require
from audiences.intake.values import Reader, Unfit
from audiences.keys import folded, lookup_key
from audiences.models import Attribute, Channel, ContactPoint, MessageClass

ATTRIBUTE: Final = "attribute."
# Records of a call may each have another shape; those remembered are forgotten at this many.
MOST_SHAPES: Final = 1_000
# field → (channel, class)
CONSENTS: Final = {
    f"{channel}_{message_class}": (channel, message_class)
    for channel in Channel.values
    for message_class in MessageClass.values
}
# field → (kind, whether it is the primary one)
ADDRESSES: Final = {
    "email": (ContactPoint.Kind.EMAIL.value, True),
    "other_emails": (ContactPoint.Kind.EMAIL.value, False),
    "phone": (ContactPoint.Kind.PHONE.value, True),
    "other_phones": (ContactPoint.Kind.PHONE.value, False),
}
_ELSEWHERE: Final = {
    *CONSENTS, *ADDRESSES, "external_id", "units", "home_store", "consent_at", "consent_source",
}  # fmt: skip
# Normal forms kept beside their field, clipped to their column.
_FOLDED: Final = {
    "region": ("region_norm", 100),
    "city": ("city_norm", 100),
    "last_name": ("surname_norm", 100),
}


class Address(NamedTuple):
    """An address in normal form, or as it came when it is malformed (kept, in state Invalid)."""

    value: str
    key: int
    well_formed: bool


class Said(NamedTuple):
    """A consent in a record; without a date it counts from the moment it was read."""

    channel: str
    message_class: str
    value: bool | None
    at: datetime | None
    source: str


@dataclass(slots=True)
class CustomerRecord:
    """What a record says. A key that is missing from a mapping was left out; None clears."""

    external_id: str
    key: int
    columns: dict[str, Any]
    # kind → primary (an address) and not primary (a list), as far as they were given
    addresses: dict[str, dict[bool, Any]]
    malformed: bool
    consents: Sequence[Said]
    attributes: dict[int, dict[str, Any] | None]
    home_store: tuple[str | None] | None
    units: list[int] | None


def fields_of(desk: Desk) -> dict[str, Field]:
    """The fields of a customer in this org, its own attributes among them."""
    name, place = values.text(100), values.text(100)
    email, phone = _address(ContactPoint.Kind.EMAIL, desk), _address(ContactPoint.Kind.PHONE, desk)
    return by_name(
        Field("external_id", values.code(100)),
        Field("first_name", name),
        Field("last_name", name),
        Field("email", email),
        Field("other_emails", values.many(email, 10)),
        Field("phone", phone),
        Field("other_phones", values.many(phone, 10)),
        *(Field(name, values.yes_no) for name in CONSENTS),
        Field("consent_at", desk.said),
        Field("consent_source", values.text(60)),
        Field("do_not_disturb", values.yes_no),
        Field("gender", values.gender),
        Field("birth_date", values.day),
        Field("anniversary", values.day),
        Field("language", values.language),
        Field("time_zone", values.time_zone),
        Field("country", values.country),
        Field("region", place),
        Field("city", place),
        Field("home_store", values.code(60)),
        Field("registered_at", desk.instant),
        Field("units", values.many(_unit(desk), 100)),
        Field("loyalty_member", values.yes_no),
        Field("tier", values.text(60)),
        Field("points", values.whole(values.LARGEST, least=-values.LARGEST)),
        *(Field(f"{ATTRIBUTE}{key}", attribute_reader(row, desk)) for key, row in desk.attributes.items()),
    )


def _unit(desk: Desk) -> Reader:
    def read(value: Any) -> int:
        found = desk.units.get(value.strip()) if type(value) is str else None
        if found is None:
            raise Unfit("unknown_unit", f"There is no unit with the code “{value}”.")
        return found

    return read


def _address(kind: str, desk: Desk) -> Reader:
    read_text, region = values.text(LONGEST), desk.region

    def read(value: Any) -> Address | None:
        if type(value) is not str:
            raise Unfit("wrong_type", "This must be text.")
        try:
            found = normal(kind, value, region)
        except Malformed:
            kept: str | None = read_text(value)
            return None if kept is None else Address(kept, address_key(kind, kept), well_formed=False)
        return Address(found, address_key(kind, found), well_formed=True)

    return read


def attribute_reader(attribute: Attribute, desk: Desk) -> Reader:
    """Reads a value into the typed columns of `AttributeValue`."""
    kind = Attribute.Type
    one_of = {folded(option): option for option in attribute.choices}
    readers: Mapping[str, tuple[str, Reader]] = {
        kind.TEXT: ("text", values.text(500)),
        kind.NUMBER: ("number", values.scaled(6)),
        kind.DATE: ("day", values.day),
        kind.DATETIME: ("instant", desk.instant),
        kind.YES_NO: ("flag", values.yes_no),
        kind.CHOICE: ("text", values.choice(one_of)),
    }
    column, read_value = readers[attribute.type]

    def read(value: Any) -> dict[str, Any] | None:
        found = read_value(value)
        if found is None:
            return None
        if column == "text":
            return {"text": found, "text_norm": folded(found)[:500]}
        return {column: found}

    return read


class _Shape:
    """Which fields a record gives, sorted by where they go. A file's records all have one shape."""

    def __init__(self, given: Iterable[str], attributes: Mapping[str, int]) -> None:
        names = set(given)
        self.columns = sorted(names - _ELSEWHERE - attributes.keys())
        self.folded = [(name, *_FOLDED[name]) for name in sorted(names & _FOLDED.keys())]
        self.addresses = [(name, *ADDRESSES[name]) for name in ADDRESSES if name in names]
        self.consents = [(name, *CONSENTS[name]) for name in CONSENTS if name in names]
        self.attributes = [(name, attributes[name]) for name in sorted(names & attributes.keys())]


class CustomerReader:
    """Reads records of one org; pure, so that it may run ahead of the batch being written."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.fields = fields_of(desk)
        self._attributes = {f"{ATTRIBUTE}{key}": row.pk for key, row in desk.attributes.items()}
        self._shapes: dict[tuple[str, ...], _Shape] = {}

    def __call__(self, record: Record) -> CustomerRecord:
        given = read_record(record, self.fields)
        require(given, "external_id")
        shape = self._shape(tuple(given))
        columns = {name: given[name] for name in shape.columns}
        for name, norm, longest in shape.folded:
            columns[norm] = folded(columns[name])[:longest] if columns[name] else None
        if "do_not_disturb" in columns:
            columns["do_not_disturb"] = bool(columns["do_not_disturb"])
        addresses: dict[str, dict[bool, Any]] = {}
        malformed = False
        for name, kind, primary in shape.addresses:
            value = given[name]
            addresses.setdefault(kind, {})[primary] = value
            if value is not None:
                malformed |= not (value if primary else min(value, key=_well_formed)).well_formed
        return CustomerRecord(
            external_id=given["external_id"],
            key=lookup_key("customer", given["external_id"]),
            columns=columns,
            addresses=addresses,
            malformed=malformed,
            consents=_consents(shape, given, self.desk.source) if shape.consents else (),
            attributes={attribute_id: given[name] for name, attribute_id in shape.attributes},
            home_store=(given["home_store"],) if "home_store" in given else None,
            units=(given["units"] or []) if "units" in given else None,
        )

    def _shape(self, given: tuple[str, ...]) -> _Shape:
        found = self._shapes.get(given)
        if found is None:
            if len(self._shapes) > MOST_SHAPES:
                self._shapes.clear()
            found = self._shapes[given] = _Shape(given, self._attributes)
        return found


def _well_formed(address: Address) -> bool:
    return address.well_formed


def _consents(shape: _Shape, given: Mapping[str, Any], source: str) -> list[Said]:
    said = []
    for name, channel, message_class in shape.consents:
        value = given[name]
        # An empty cell takes a yes back to unset; undated, so that it never lifts a no.
        at = given.get("consent_at") if value is not None else None
        said.append(Said(channel, message_class, value, at, given.get("consent_source") or source[:60]))
    return said
