"""What hangs on a customer row: contact points with their look-ups, custom attributes, units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from audiences.intake.customer_records import CustomerRecord
from audiences.intake.customer_state import Held, State
from audiences.intake.staging import execute, fetch, staged
from audiences.intake.units import join_by_purchase

_LOAD_CONTACTS: Final = """
SELECT held.customer_id, kind, key, value, is_primary FROM unnest(%(ids)s::bigint[]) AS wanted (id)
JOIN audiences_contactpoint held ON held.org_id = %(org)s AND held.customer_id = wanted.id
"""
_VALUES: Final = ("text", "text_norm", "number", "instant", "day", "flag")
_LOAD_ATTRIBUTES: Final = """
SELECT held.customer_id, attribute_id, text, text_norm, number, instant, day, flag
FROM unnest(%(ids)s::bigint[]) AS wanted (id)
JOIN audiences_attributevalue held ON held.org_id = %(org)s AND held.customer_id = wanted.id
"""
_LOAD_UNITS: Final = """
SELECT held.customer_id, unit_id FROM unnest(%(ids)s::bigint[]) AS wanted (id)
JOIN audiences_customerunit held ON held.org_id = %(org)s AND held.customer_id = wanted.id AND NOT held.by_purchase
"""


def load(org_id: int, states: Mapping[int, State], records: Sequence[CustomerRecord]) -> None:
    """Fill in what is stored of known customers, as far as the records speak of it."""
    ids = list(states)
    if any(record.shape.addresses for record in records):
        contacts: dict[int, dict[str, dict[int, Held]]] = defaultdict(lambda: defaultdict(dict))
        for pk, kind, key, value, primary in fetch(_LOAD_CONTACTS, org=org_id, ids=ids):
            contacts[pk][kind][key] = Held(value, primary)
        for pk, by_kind in contacts.items():
            states[pk].stored_contacts = states[pk].contacts = dict(by_kind)
    if any(record.shape.attributes for record in records):
        attributes: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
        for pk, attribute_id, *typed in fetch(_LOAD_ATTRIBUTES, org=org_id, ids=ids):
            present = {name: part for name, part in zip(_VALUES, typed, strict=True) if part is not None}
            attributes[pk][attribute_id] = present
        for pk, by_attribute in attributes.items():
            states[pk].stored_attributes = states[pk].attributes = by_attribute
    if any(record.units is not None for record in records):
        units: dict[int, set[int]] = defaultdict(set)
        for pk, unit_id in fetch(_LOAD_UNITS, org=org_id, ids=ids):
            units[pk].add(unit_id)
        for pk, given in units.items():
            states[pk].stored_units = states[pk].units = frozenset(given)


# A contact point: customer, kind, value, key, whether it is well-formed, whether it is primary.
Contact = tuple[int, str, str, int, bool, bool]


def write(org_id: int, states: Sequence[State], at: datetime) -> list[Contact]:
    """Write what differs. Returns the new contact points."""
    _drop_contacts(org_id, states)
    added = [
        (state.id, kind, held.value, key, key not in state.malformed, held.primary)
        for state in states
        for kind, now in state.contacts.items()
        for key, held in now.items()
        if not state.stored_contacts or key not in state.stored_contacts.get(kind, ())
    ]
    add_contacts(org_id, added, at)
    _write_attributes(org_id, states)
    _write_units(org_id, states)
    return added


_DROP_CONTACTS: Final = """
DELETE FROM audiences_contactpoint contact
USING unnest(%(customers)s::bigint[], %(kinds)s::text[], %(keys)s::bigint[]) AS gone (customer_id, kind, key)
WHERE contact.org_id = %(org)s AND contact.customer_id = gone.customer_id AND contact.kind = gone.kind
  AND contact.key = gone.key
"""
_DROP_REFS: Final = """
DELETE FROM audiences_addressref ref
USING unnest(%(customers)s::bigint[], %(kinds)s::text[], %(keys)s::bigint[]) AS gone (customer_id, kind, key)
WHERE ref.org_id = %(org)s AND ref.kind = gone.kind AND ref.key = gone.key AND ref.customer_id = gone.customer_id
"""
_CHANGE_CONTACTS: Final = """
UPDATE audiences_contactpoint contact SET value = now.value, is_primary = %(primary)s
FROM unnest(%(customers)s::bigint[], %(kinds)s::text[], %(keys)s::bigint[], %(values)s::text[])
     AS now (customer_id, kind, key, value)
WHERE contact.org_id = %(org)s AND contact.customer_id = now.customer_id AND contact.kind = now.kind
  AND contact.key = now.key
"""
_STAGE_CONTACTS: Final = (
    "customer_id bigint, kind text, value text, key bigint, well_formed boolean, is_primary boolean"
)
_ADD_CONTACTS: Final = """
INSERT INTO audiences_contactpoint (org_id, customer_id, kind, value, key, is_primary, state, soft_bounces, state_at)
SELECT %(org)s, customer_id, kind, value, key, is_primary, CASE WHEN well_formed THEN 'unproven' ELSE 'invalid' END,
       0, %(at)s
FROM incoming_contact
"""
_ADD_REFS: Final = """
INSERT INTO audiences_addressref (org_id, kind, key, customer_id, value)
SELECT %(org)s, kind, key, customer_id, value FROM incoming_contact WHERE well_formed ORDER BY kind, key
"""


def _drop_contacts(org_id: int, states: Sequence[State]) -> None:
    """Take away, then demote, then promote: a customer never has two primary addresses of a kind."""
    gone: list[tuple[int, str, int]] = []
    changed: dict[bool, list[tuple[int, str, int, str]]] = {False: [], True: []}
    for state in states:
        for kind, stored in state.stored_contacts.items():
            now = state.contacts[kind]
            if now is stored:
                continue
            for key, held in stored.items():
                if key not in now:
                    gone.append((state.id, kind, key))
                elif now[key] != held:
                    changed[now[key].primary].append((state.id, kind, key, now[key].value))
    if gone:
        customers, kinds, keys = map(list, zip(*gone, strict=True))
        execute(_DROP_CONTACTS, org=org_id, customers=customers, kinds=kinds, keys=keys)
        execute(_DROP_REFS, org=org_id, customers=customers, kinds=kinds, keys=keys)
    for primary, rows in changed.items():
        if rows:
            customers, kinds, keys, values = map(list, zip(*rows, strict=True))
            execute(
                _CHANGE_CONTACTS,
                org=org_id,
                primary=primary,
                customers=customers,
                kinds=kinds,
                keys=keys,
                values=values,
            )


def add_contacts(org_id: int, added: Sequence[Contact], at: datetime) -> None:
    """Write contact points that their customers do not have yet."""
    if added:
        with staged("incoming_contact", _STAGE_CONTACTS, added):
            execute(_ADD_CONTACTS, org=org_id, at=at)
            execute(_ADD_REFS, org=org_id)


_DROP_ATTRIBUTES: Final = """
DELETE FROM audiences_attributevalue held
USING unnest(%(customers)s::bigint[], %(attributes)s::bigint[]) AS gone (customer_id, attribute_id)
WHERE held.org_id = %(org)s AND held.customer_id = gone.customer_id AND held.attribute_id = gone.attribute_id
"""
_STAGE_ATTRIBUTES: Final = (
    "customer_id bigint, attribute_id bigint, text text, text_norm text, number bigint, instant timestamptz, "
    "day date, flag boolean"
)
_PUT_ATTRIBUTES: Final = """
INSERT INTO audiences_attributevalue
    (org_id, customer_id, attribute_id, text, text_norm, number, instant, day, flag)
SELECT %(org)s, customer_id, attribute_id, text, text_norm, number, instant, day, flag FROM incoming_attribute
ON CONFLICT (org_id, customer_id, attribute_id) DO UPDATE
SET text = excluded.text, text_norm = excluded.text_norm, number = excluded.number, instant = excluded.instant,
    day = excluded.day, flag = excluded.flag
"""


def _write_attributes(org_id: int, states: Sequence[State]) -> None:
    gone = [
        (state.id, attribute_id)
        for state in states
        for attribute_id in state.stored_attributes.keys() - state.attributes.keys()
    ]
    put = [
        (state.id, attribute_id, typed)
        for state in states
        for attribute_id, typed in state.attributes.items()
        if state.stored_attributes.get(attribute_id) != typed
    ]
    if gone:
        customers, attributes = map(list, zip(*gone, strict=True))
        execute(_DROP_ATTRIBUTES, org=org_id, customers=customers, attributes=attributes)
    put_attributes(org_id, put)


def put_attributes(org_id: int, put: Sequence[tuple[int, int, Mapping[str, Any]]]) -> None:
    """Write values, typed, by customer and attribute."""
    if put:
        rows = ((pk, attribute_id, *map(typed.get, _VALUES)) for pk, attribute_id, typed in put)
        with staged("incoming_attribute", _STAGE_ATTRIBUTES, rows):
            execute(_PUT_ATTRIBUTES, org=org_id)


_DROP_UNITS: Final = """
DELETE FROM audiences_customerunit held
USING unnest(%(customers)s::bigint[], %(units)s::bigint[]) AS gone (customer_id, unit_id)
WHERE held.org_id = %(org)s AND held.customer_id = gone.customer_id AND held.unit_id = gone.unit_id
"""
_PUT_UNITS: Final = """
INSERT INTO audiences_customerunit (org_id, customer_id, unit_id, by_purchase)
SELECT %(org)s, customer_id, unit_id, false
FROM unnest(%(customers)s::bigint[], %(units)s::bigint[]) AS given (customer_id, unit_id)
ON CONFLICT (org_id, customer_id, unit_id) DO UPDATE SET by_purchase = false
"""


def _write_units(org_id: int, states: Sequence[State]) -> None:
    """Units given by intake (T-05). One that is taken away stays when the customer bought there."""
    gone = [(state.id, unit_id) for state in states for unit_id in state.stored_units - state.units]
    put = [(state.id, unit_id) for state in states for unit_id in state.units - state.stored_units]
    if gone:
        _by_pair(_DROP_UNITS, org_id, gone)
    put_units(org_id, put)
    if gone:
        join_by_purchase(org_id, {customer_id for customer_id, _ in gone})


def put_units(org_id: int, put: Sequence[tuple[int, int]]) -> None:
    """Make customers members of units."""
    if put:
        _by_pair(_PUT_UNITS, org_id, put)


def _by_pair(sql: str, org_id: int, pairs: Sequence[tuple[int, int]]) -> None:
    customers, units = map(list, zip(*pairs, strict=True))
    execute(sql, org=org_id, customers=customers, units=units)
