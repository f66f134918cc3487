"""Customers and lists, made as plainly as tests of audiences need them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from audiences.contacts import address_key
from audiences.keys import folded, lookup_key
from audiences.models import (
    AddressRef,
    Audience,
    AudienceVersion,
    ContactPoint,
    Customer,
    CustomerUnit,
    ExternalRef,
    ListMember,
)
from engage.orgs.models import Org, OrgUnit, User
from tests.factories import NOW

_numbers = count(1)


def customer(
    org: Org, *, units: Iterable[OrgUnit] = (), email: str = "", phone: str = "", **row: Any
) -> Customer:
    """A customer with its look-ups; addresses must be in normal form."""
    number = next(_numbers)
    row.setdefault("external_id", f"C-{number}")
    if row.get("city"):
        row["city_norm"] = folded(row["city"])
    made = Customer.objects.create(org=org, id=number, created_at=NOW, updated_at=NOW, **row)
    ExternalRef.objects.create(
        org=org,
        kind="customer",
        key=lookup_key("customer", made.external_id),
        value=made.external_id,
        customer_id=number,
    )
    for unit in units:
        CustomerUnit.objects.create(org=org, customer_id=number, unit_id=unit.pk)
    for kind, value in (("email", email), ("phone", phone)):
        if value:
            contact(org, made, kind, value)
    return made


def contact(org: Org, owner: Customer, kind: str, value: str, **more: Any) -> None:
    key = address_key(kind, value)
    ContactPoint.objects.create(
        org=org, customer_id=owner.id, kind=kind, value=value, key=key, state_at=NOW, **more
    )
    AddressRef.objects.create(org=org, kind=kind, key=key, customer_id=owner.id, value=value)


def uploaded(
    org: Org, by: User, members: Iterable[Customer], *, name: str = "List", unit: OrgUnit | None = None
) -> Audience:
    """A list as a file would have made it."""
    audience = Audience.objects.create(
        org=org,
        kind=Audience.Kind.UPLOAD,
        name=name,
        unit=unit,
        created_by=by,
        created_at=NOW,
        updated_at=NOW,
    )
    audience.current = AudienceVersion.objects.create(
        org=org, audience=audience, number=1, digest=name, created_by=by, created_at=NOW
    )
    audience.save()
    ListMember.objects.bulk_create(
        ListMember(org=org, customer_id=one.id, version_id=audience.current.pk) for one in members
    )
    return audience


def tree(*items: dict[str, Any], match: str = "all", **base: Any) -> dict[str, Any]:
    """A stored tree of one block, or of none."""
    blocks = [{"match": match, "items": list(items)}] if items else []
    return {"version": 1, "base": base, "blocks": blocks}


def asks(field: str, op: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """A stored condition."""
    return {"field": field, "op": op} | ({} if value is None else {"value": value}) | more
