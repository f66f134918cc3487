"""What the pages ask about customers (A-05): finding them, and everything known of one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from audiences import reachability
from audiences.contacts import Malformed, address_key, normal_email, normal_phone, region_of
from audiences.keys import folded, lookup_key
from audiences.models import (
    AddressRef,
    Attribute,
    AttributeValue,
    Channel,
    Consent,
    ContactPoint,
    Customer,
    CustomerUnit,
    ExternalRef,
    MessageClass,
    Product,
    Profile,
    Store,
    Transaction,
    TransactionLine,
)
from engage.orgs.access import Access
from engage.orgs.models import OrgSettings, OrgUnit

PAGE: Final = 50
# A name's beginning is searched, not paged: whoever sees this many types another letter.
MOST_BY_NAME: Final = 100
_LAST: Final = chr(0x10FFFF)


def visible(access: Access) -> QuerySet[Customer]:
    """The customers that a member may see: of the org, or of the units of their scope (T-05, T-11)."""
    found = Customer.objects.for_org(access.org).filter(merged_into__isnull=True)
    if access.whole_org:
        return found
    mine = CustomerUnit.objects.for_org(access.org).filter(
        customer_id=OuterRef("id"), unit_id__in=access.unit_ids
    )
    return found.filter(Exists(mine))


@dataclass(frozen=True)
class Listed:
    """A customer in a list, with what stands beside the name."""

    customer: Customer
    contacts: dict[str, ContactPoint]
    profile: Profile | None


@dataclass(frozen=True)
class Found:
    """A page of customers. `before` is where the next one begins, None on the last."""

    rows: list[Listed]
    before: int | None = None
    cut: bool = False


def search(access: Access, settings: OrgSettings, text: str, *, before: int | None = None) -> Found:
    """By external id, whole e-mail address or phone number, or the beginning of a name; without text the newest."""
    text = text.strip()
    if not text:
        newest = visible(access).order_by("-id")
        if before is not None:
            newest = newest.filter(id__lt=before)
        rows = list(newest[: PAGE + 1])
        return Found(_listed(access, rows[:PAGE]), rows[PAGE - 1].id if len(rows) > PAGE else None)
    ids = _by_identifier(access, settings, text)
    if ids:
        return Found(_listed(access, list(visible(access).filter(id__in=ids).order_by("id")[:PAGE])))
    rows = _by_name(access, folded(text))
    return Found(_listed(access, rows[:MOST_BY_NAME]), cut=len(rows) > MOST_BY_NAME)


def _by_identifier(access: Access, settings: OrgSettings, text: str) -> set[int]:
    kind = ExternalRef.Kind.CUSTOMER
    known = ExternalRef.objects.for_org(access.org).filter(
        kind=kind, key=lookup_key(kind.value, text), value=text
    )
    ids = set(known.values_list("customer_id", flat=True))
    addresses = Q()
    with suppress(Malformed):
        addresses |= Q(kind="email", key=address_key("email", normal_email(text)))
    with suppress(Malformed):
        addresses |= Q(kind="phone", key=address_key("phone", normal_phone(text, region_of(settings))))
    if addresses:
        ids |= set(
            AddressRef.objects.for_org(access.org)
            .filter(addresses)
            .values_list("customer_id", flat=True)[:PAGE]
        )
    return ids


def _by_name(access: Access, prefix: str) -> list[Customer]:
    """A range on a C-collated column: prefix operators would switch the index off under the policy."""
    found: dict[int, Customer] = {}
    for column in ("name_norm", "surname_norm"):
        span = {f"{column}__gte": prefix, f"{column}__lt": prefix + _LAST}
        for row in visible(access).filter(**span).order_by(column)[: MOST_BY_NAME + 1]:
            found[row.id] = row
    return sorted(found.values(), key=lambda row: (row.name_norm or "", row.id))


def _listed(access: Access, rows: Sequence[Customer]) -> list[Listed]:
    ids = [row.id for row in rows]
    contacts: dict[int, dict[str, ContactPoint]] = {}
    for contact in ContactPoint.objects.for_org(access.org).filter(customer_id__in=ids, is_primary=True):
        contacts.setdefault(contact.customer_id, {})[contact.kind] = contact
    bought = Profile.objects.for_org(access.org).filter(customer_id__in=ids)
    profiles = {profile.customer_id: profile for profile in bought}
    return [Listed(row, contacts.get(row.id, {}), profiles.get(row.id)) for row in rows]


@dataclass(frozen=True)
class Reach:
    """Whether a customer can be reached on a channel for a class, and why (A-10)."""

    channel: str
    message_class: str
    state: str
    value: bool | None
    said_at: datetime | None
    source: str

    @property
    def label(self) -> str:
        return reachability.LABELS[self.state]

    @property
    def reachable(self) -> bool:
        return self.state in reachability.REACHABLE

    @property
    def channel_label(self) -> str:
        return str(Channel(self.channel).label)

    @property
    def class_label(self) -> str:
        return str(MessageClass(self.message_class).label)


def reach(settings: OrgSettings, customer_id: int) -> list[Reach]:
    """The reachability of one customer, on every channel and for every class."""
    sql = (
        f"SELECT {reachability.STATE}, subscription.value, subscription.at, coalesce(subscription.source, '') "
        f"FROM audiences_customer customer {reachability.JOINS} "
        "WHERE customer.org_id = %(org)s AND customer.id = %(customer)s"
    )
    found = []
    with connection.cursor() as cursor:
        for channel in Channel.values:
            for message_class in MessageClass.values:
                parameters = reachability.parameters(settings, channel, message_class)
                cursor.execute(sql, {**parameters, "customer": customer_id})
                found += [Reach(channel, message_class, *row) for row in cursor.fetchall()]
    return found


def contacts(access: Access, customer_id: int) -> QuerySet[ContactPoint]:
    """Primary ones first."""
    mine = ContactPoint.objects.for_org(access.org).filter(customer_id=customer_id)
    return mine.order_by("kind", "-is_primary", "value")


def consents(access: Access, customer_id: int) -> QuerySet[Consent]:
    """What the customer said, newest first (A-07)."""
    return Consent.objects.for_org(access.org).filter(customer_id=customer_id).order_by("-at", "-received_at")


def attributes(access: Access, customer_id: int) -> list[tuple[Attribute, AttributeValue]]:
    """The custom attributes that the customer has a value of."""
    declared = {row.pk: row for row in Attribute.objects.for_org(access.org)}
    mine = AttributeValue.objects.for_org(access.org).filter(customer_id=customer_id)
    pairs = [(declared[value.attribute_id], value) for value in mine if value.attribute_id in declared]
    return sorted(pairs, key=lambda pair: pair[0].label)


def unit_names(access: Access, customer_id: int) -> list[str]:
    """The units that the customer belongs to (T-05)."""
    mine = CustomerUnit.objects.for_org(access.org).filter(customer_id=customer_id).values("unit_id")
    return list(OrgUnit.objects.for_org(access.org).filter(pk__in=mine).values_list("name", flat=True))


@dataclass(frozen=True)
class Bought:
    """A bill with its store and its lines."""

    bill: Transaction
    store: str
    lines: list[dict[str, Any]]


def purchases(
    access: Access, customer_id: int, *, before: datetime | None = None
) -> tuple[list[Bought], datetime | None]:
    """A page of bills, newest first, and where the next begins."""
    mine = Transaction.objects.for_org(access.org).filter(customer_id=customer_id).order_by("-txn_at", "-id")
    if before is not None:
        mine = mine.filter(txn_at__lt=before)
    bills = list(mine[: PAGE + 1])
    more = bills[PAGE - 1].txn_at if len(bills) > PAGE else None
    bills = bills[:PAGE]
    stores = dict(
        Store.objects.for_org(access.org)
        .filter(pk__in={bill.store_id for bill in bills if bill.store_id})
        .values_list("pk", "name")
    )
    lines = _lines(access, customer_id, bills)
    return [Bought(bill, stores.get(bill.store_id or 0, ""), lines.get(bill.id, [])) for bill in bills], more


def _lines(access: Access, customer_id: int, bills: Sequence[Transaction]) -> dict[int, list[dict[str, Any]]]:
    """The lines of these bills, by bill."""
    if not bills:
        return {}
    found: dict[int, list[dict[str, Any]]] = {}
    lines = list(
        TransactionLine.objects.for_org(access.org)
        .filter(
            customer_id=customer_id,
            txn_at__range=(bills[-1].txn_at, bills[0].txn_at),
            txn_id__in=[bill.id for bill in bills],
        )
        .order_by("txn_id", "line_no")
    )
    products = Product.objects.for_org(access.org).in_bulk({line.product_id for line in lines})
    for line in lines:
        product = products.get(line.product_id)
        shown = {
            "product": str(product) if product else "",
            "quantity": Decimal(line.quantity) / 1000,
            "places": 0 if line.quantity % 1000 == 0 else 3,
            "amount": line.amount,
        }
        found.setdefault(line.txn_id, []).append(shown)
    return found
