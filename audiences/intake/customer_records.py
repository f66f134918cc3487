"""Reading one customer record: own fields, addresses, consent, custom attributes, units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import repeat
from typing import Any, Final, NamedTuple

from audiences.contacts import LONGEST, Malformed, address_key, normal
from audiences.intake import values
from audiences.intake.answers import Rejected
from audiences.intake.desk import Desk
from audiences.intake.fields import Field, Sheet, by_name, read_sheet
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


class Shape:
    """Which fields a record gives, sorted by where they go. A file's records all have one shape."""

    def __init__(self, names: Sequence[str], attributes: Mapping[str, int]) -> None:
        given = set(names)
        self.names = tuple(sorted(given - _ELSEWHERE - attributes.keys()))
        self.folded = [(name, *_FOLDED[name]) for name in sorted(given & _FOLDED.keys())]
        self.full_name = {"first_name", "last_name"} <= given
        norms = [norm for _, norm, _ in self.folded]
        if given & {"first_name", "last_name"}:
            norms.append("name_norm")
        # The columns of the customer's row that `CustomerRecord.own` fills.
        self.own = (*self.names, *norms)
        self.addresses = [(name, *ADDRESSES[name]) for name in ADDRESSES if name in given]
        self.only_primary = all(primary for _, _, primary in self.addresses)
        self.consents = [(name, *CONSENTS[name]) for name in CONSENTS if name in given]
        self.attributes = {name: attributes[name] for name in sorted(given & attributes.keys())}
        self.home_store = "home_store" in given
        self.units = "units" in given


class CustomerRecord(NamedTuple):
    """What a record says, in the order of its shape. What the shape lacks was left out; None clears."""

    external_id: str
    key: int
    shape: Shape
    own: tuple[Any, ...]
    # One `Address` or None for a primary one, a list for others.
    addresses: tuple[Any, ...]
    malformed: bool
    consents: Sequence[Said]
    attributes: tuple[dict[str, Any] | None, ...]
    home_store: str | None
    units: list[int] | None


def fields_of(desk: Desk) -> dict[str, Field]:
    """The fields of a customer in this org, its own attributes among them."""
    name, place = values.text(100), values.text(100)
    email, phone = (
        _address(ContactPoint.Kind.EMAIL.value, desk),
        _address(ContactPoint.Kind.PHONE.value, desk),
    )
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


class CustomerReader:
    """Reads records of one org; pure, so that it may run ahead of the batch being written."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.fields = fields_of(desk)
        attributes = {f"{ATTRIBUTE}{key}": row.pk for key, row in desk.attributes.items()}
        self._shape = lru_cache(MOST_SHAPES)(partial(Shape, attributes=attributes))

    def __call__(self, sheet: Sheet) -> list[CustomerRecord | Rejected]:
        read = read_sheet(sheet, self.fields, "external_id")
        if len(read.refused) == read.size:
            return [read.refused[place] for place in range(read.size)]
        shape, values = self._shape(tuple(read.values)), read.values
        addresses = [values[name] for name, _, _ in shape.addresses]
        records: list[CustomerRecord | Rejected] = list(
            map(
                CustomerRecord,
                values["external_id"],
                [lookup_key("customer", external_id) for external_id in values["external_id"]],
                repeat(shape, read.size),
                _rows(_own(shape, values), read.size),
                _rows(addresses, read.size),
                _malformed(addresses, read.size),
                _consents(shape, values, self.desk.source, read.size),
                _rows([values[name] for name in shape.attributes], read.size),
                values["home_store"] if shape.home_store else repeat(None),
                [units or [] for units in values["units"]] if shape.units else repeat(None),
            )
        )
        for place, why in read.refused.items():
            records[place] = why
        return records


def _rows(columns: Sequence[Sequence[Any]], size: int) -> Iterable[tuple[Any, ...]]:
    return zip(*columns, strict=True) if columns else repeat((), size)


def _own(shape: Shape, values: Mapping[str, list[Any]]) -> list[list[Any]]:
    """The columns of the customer's row, normal forms among them."""
    columns = [
        [bool(value) for value in values[name]] if name == "do_not_disturb" else values[name]
        for name in shape.names
    ]
    for name, _, longest in shape.folded:
        known = {value: folded(value)[:longest] if value else None for value in set(values[name])}
        columns.append(list(map(known.__getitem__, values[name])))
    if "name_norm" in shape.own:
        parts = (values.get("first_name", repeat(None)), values.get("last_name", repeat(None)))
        columns.append(list(map(name_norm, *parts)))
    return columns


def name_norm(first: str | None, last: str | None) -> str | None:
    """The normal form of a whole name, clipped to its column."""
    return folded(f"{first or ''} {last or ''}")[:201] or None


def _malformed(addresses: Sequence[Sequence[Any]], size: int) -> list[bool]:
    """Whether a record brings an address that cannot be used."""
    found = [False] * size
    for column in addresses:
        for place, given in enumerate(column):
            if given and not (given if type(given) is Address else min(given, key=_well_formed)).well_formed:
                found[place] = True
    return found


def _well_formed(address: Address) -> bool:
    return address.well_formed


def _consents(
    shape: Shape, values: Mapping[str, list[Any]], source: str, size: int
) -> Iterable[Sequence[Said]]:
    """An empty cell takes a yes back to unset; undated, so that it never lifts a no."""
    if not shape.consents:
        return repeat((), size)
    unsaid = [None] * size
    times, sources = values.get("consent_at", unsaid), values.get("consent_source", unsaid)
    return [
        [
            Said(channel, message_class, value, None if value is None else at, named or source[:60])
            for (_, channel, message_class), value in zip(shape.consents, said, strict=True)
        ]
        for said, at, named in zip(
            zip(*(values[name] for name, _, _ in shape.consents), strict=True), times, sources, strict=True
        )
    ]
