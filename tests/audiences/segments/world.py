"""A small, random, hole-riddled org: plain rows for the oracle, the same rows stored for the compiled SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from audiences import models as m
from audiences import profile
from audiences.contacts import address_key
from audiences.keys import folded, lookup_key
from engage.orgs import months
from engage.orgs.models import Org, OrgUnit

CITIES = ["Pune", "pune", "Mumbai", "São Paulo", "Łódź", "Pune Camp", None, None]
REGIONS = ["Maharashtra", "Goa", None]
MODES = ["Cash", "Card", "UPI"]
COUPONS = ["WINTER", "Diwali"]
SOURCES = ["Till", "Web", None]
ZONES = {"west": ">west>", "pune": ">west>pune>", "north": ">north>"}
STORES = {"S1": ("west", "u1"), "S2": ("pune", "u2"), "S3": ("north", None), "S4": (None, None)}
CATEGORIES = {"shoes": ">shoes>", "boots": ">shoes>boots>", "coats": ">coats>"}
PRODUCTS = {"P1": ("shoes", "Acme"), "P2": ("boots", "Acme"), "P3": ("coats", "Zest"), "P4": (None, "")}
ATTRIBUTES = {
    "note": m.Attribute.Type.TEXT,
    "score": m.Attribute.Type.NUMBER,
    "joined": m.Attribute.Type.DATE,
    "seen": m.Attribute.Type.DATETIME,
    "vip": m.Attribute.Type.YES_NO,
    "size": m.Attribute.Type.CHOICE,
}
CHANNELS = {"email": "email", "sms": "phone"}


@dataclass
class Line:
    product: str
    quantity: int
    amount: int


@dataclass
class Bill:
    id: int
    number: str
    at: datetime
    store: str | None
    net: int
    lines: list[Line]
    source: str | None
    modes: list[str]
    coupons: list[str]
    items: int
    # (when, product → (quantity, amount), net): each a return of this bill
    returns: list[tuple[datetime, dict[str, tuple[int, int]], int]] = field(default_factory=list)

    @property
    def net_after_returns(self) -> int:
        return max(self.net - sum(net for _at, _lines, net in self.returns), 0)

    @property
    def fully_returned(self) -> bool:
        return bool(self.returns) and sum(net for _at, _lines, net in self.returns) >= self.net


@dataclass
class Person:
    id: int
    row: dict[str, Any]
    units: set[str]
    home_store: str | None
    contacts: dict[str, tuple[str, str]]
    consents: dict[tuple[str, str], tuple[bool | None, datetime]]
    attributes: dict[str, Any]
    bills: list[Bill]
    lists: set[int] = field(default_factory=set)
    merged: bool = False


@dataclass
class World:
    org: Org
    at: datetime
    people: list[Person]
    optouts: dict[tuple[str, str, str], datetime]
    lists: list[int] = field(default_factory=list)


def imagine(org: Org, seed: int, at: datetime, size: int = 40) -> World:
    """Rows without a database."""
    random = Random(seed)
    people = [_person(random, number, at) for number in range(1, size + 1)]
    optouts = {}
    for person in people:
        for kind, (value, _state) in person.contacts.items():
            if random.random() < 0.2:
                channel = "email" if kind == "email" else "sms"
                optouts[channel, random.choice(["promotional", "service"]), value] = _when(random, at)
    return World(org, at, people, optouts)


def _when(random: Random, at: datetime, days: int = 60) -> datetime:
    """Often on the edge of a day or month, mostly lately, sometimes ahead."""
    away = timedelta(days=random.choice([0, 1, 2, 6, 7, 8, 13, 14, 28, 29, 30, 31, random.randint(0, days)]))
    moment = at - away if random.random() < 0.9 else at + away
    return moment.replace(minute=random.choice([0, 29, 30, 59]), hour=random.randint(0, 23), second=0)


def _birth(random: Random, at: datetime) -> date | None:
    if random.random() < 0.2:
        return None
    if random.random() < 0.3:
        return date(random.choice([1988, 1996, 2004]), 2, random.choice([28, 29]))
    near = at.date() + timedelta(days=random.randint(-9, 9))
    year = random.randint(1960, 2010)
    return date(year, near.month, min(near.day, 28)) if random.random() < 0.6 else date(year, 3, 1)


def _person(random: Random, number: int, at: datetime) -> Person:
    def maybe(value: Any, chance: float = 0.7) -> Any:
        return value if random.random() < chance else None

    contacts = {}
    if random.random() < 0.7:
        name = random.choice(["Asha", "ravi", f"user{number}"])
        contacts["email"] = (f"{name}@example.com", random.choice(m.ContactPoint.State.values))
    if random.random() < 0.6:
        contacts["phone"] = (f"+9198{number % 7:08}", random.choice(m.ContactPoint.State.values))
    consents = {
        (channel, message_class): (random.choice([True, False, None]), _when(random, at))
        for channel in CHANNELS
        for message_class in ("promotional", "service")
        if random.random() < 0.5
    }
    attributes = {
        "note": maybe(random.choice(["Likes red", "likes  blue", "VIP"])),
        "score": maybe(random.randint(-3, 3) * 500_000),
        "joined": maybe(_when(random, at).date()),
        "seen": maybe(_when(random, at)),
        "vip": maybe(random.random() < 0.5),
        "size": maybe(random.choice(["Small", "Large"])),
    }
    row = {
        "external_id": f"C-{number:03}",
        "gender": random.choice(["female", "male", "other", None]),
        "birth_date": _birth(random, at),
        "anniversary": _birth(random, at),
        "language": random.choice(["en", "hi", None]),
        "time_zone": random.choice(["Asia/Kolkata", "Europe/Berlin", None]),
        "country": random.choice(["IN", "DE", None]),
        "region": random.choice(REGIONS),
        "city": random.choice(CITIES),
        "registered_at": maybe(_when(random, at)),
        "loyalty_member": random.choice([True, False, None]),
    }
    bills = [_bill(random, number * 100 + one, at) for one in range(random.choice([0, 0, 1, 2, 5]))]
    return Person(
        number,
        row,
        {unit for unit in ("u1", "u2") if random.random() < 0.3},
        maybe(random.choice(list(STORES))),
        contacts,
        consents,
        {key: value for key, value in attributes.items() if value is not None},
        bills,
        merged=random.random() < 0.05,
    )


def _bill(random: Random, number: int, at: datetime) -> Bill:
    lines = [
        Line(
            random.choice(list(PRODUCTS)), random.choice([500, 1000, 2000]), random.choice([100, 2500, 5000])
        )
        for _one in range(random.randint(0, 3))
    ]
    bill = Bill(
        number,
        f"B-{number}",
        _when(random, at),
        random.choice([*STORES, None]),
        sum(line.amount for line in lines) or random.choice([0, 1000, 50_000]),
        lines,
        random.choice(SOURCES),
        random.sample(MODES, random.randint(0, 2)),
        random.sample(COUPONS, random.choice([0, 0, 1, 2])),
        len(lines),
    )
    if random.random() < 0.4:
        if random.random() < 0.3 or not lines:
            back = {line.product: (line.quantity, line.amount) for line in lines}
            bill.returns.append((_when(random, at), back, bill.net))
        else:
            line = random.choice(lines)
            bill.returns.append(
                (_when(random, at), {line.product: (line.quantity, line.amount)}, line.amount)
            )
    return bill


def store(world: World) -> None:
    """The same rows in the database, with the profile kept as intake keeps it."""
    org = world.org
    ids = _catalogue(org)
    people = world.people
    now = {"created_at": world.at, "updated_at": world.at}
    m.Customer.objects.bulk_create(
        m.Customer(
            org=org,
            id=one.id,
            city_norm=_fold(one.row["city"]),
            region_norm=_fold(one.row["region"]),
            home_store_id=ids["store", one.home_store] if one.home_store else None,
            merged_into=1 if one.merged else None,
            **one.row,
            **now,
        )
        for one in people
    )
    m.CustomerUnit.objects.bulk_create(
        m.CustomerUnit(org=org, customer_id=one.id, unit_id=ids["unit", unit])
        for one in people
        for unit in one.units
    )
    _store_contacts(world)
    m.AttributeValue.objects.bulk_create(
        m.AttributeValue(
            org=org, customer_id=one.id, attribute_id=ids["attribute", key], **_typed(key, value)
        )
        for one in people
        for key, value in one.attributes.items()
    )
    _store_bills(world, ids)
    profile.recompute(org, [one.id for one in people], at=world.at)


def _fold(text: str | None) -> str | None:
    return folded(text) if text else None


def _typed(key: str, value: Any) -> dict[str, Any]:
    match ATTRIBUTES[key]:
        case m.Attribute.Type.NUMBER:
            return {"number": value}
        case m.Attribute.Type.DATE:
            return {"day": value}
        case m.Attribute.Type.DATETIME:
            return {"instant": value}
        case m.Attribute.Type.YES_NO:
            return {"flag": value}
        case _:
            return {"text": value, "text_norm": folded(value)}


def _catalogue(org: Org) -> dict[tuple[str, str], int]:
    ids: dict[tuple[str, str], int] = {}
    for code in ("u1", "u2"):
        ids["unit", code] = OrgUnit.objects.create(
            org=org, code=code, name=code, created_at=org.created_at
        ).pk
    for code, path in ZONES.items():
        ids["zone", code] = m.Zone.objects.create(org=org, code=code, name=code, path=path).pk
    for code, (zone, unit) in STORES.items():
        ids["store", code] = m.Store.objects.create(
            org=org,
            code=code,
            name=code,
            zone_id=ids["zone", zone] if zone else None,
            unit_id=ids["unit", unit] if unit else None,
        ).pk
    for code, path in CATEGORIES.items():
        ids["category", code] = m.Category.objects.create(org=org, code=code, name=code, path=path).pk
    for code, (category, brand) in PRODUCTS.items():
        category_id = ids["category", category] if category else None
        ids["product", code] = m.Product.objects.create(
            org=org, code=code, brand=brand, category_id=category_id
        ).pk
    for key, type_ in ATTRIBUTES.items():
        options = ["Small", "Large"] if type_ == m.Attribute.Type.CHOICE else []
        ids["attribute", key] = m.Attribute.objects.create(
            org=org, key=key, label=key.title(), type=type_, choices=options
        ).pk
    return ids


def _store_contacts(world: World) -> None:
    m.ContactPoint.objects.bulk_create(
        m.ContactPoint(
            org=world.org,
            customer_id=one.id,
            kind=kind,
            value=value,
            key=address_key(kind, value),
            state=state,
            state_at=world.at,
        )
        for one in world.people
        for kind, (value, state) in one.contacts.items()
    )
    m.Subscription.objects.bulk_create(
        m.Subscription(
            org=world.org,
            customer_id=one.id,
            channel=channel,
            message_class=message_class,
            value=value,
            at=at,
            source="test",
        )
        for one in world.people
        for (channel, message_class), (value, at) in one.consents.items()
    )
    m.AddressOptOut.objects.bulk_create(
        m.AddressOptOut(
            org=world.org,
            channel=channel,
            message_class=message_class,
            key=address_key(CHANNELS[channel], value),
            at=at,
            source="test",
        )
        for (channel, message_class, value), at in world.optouts.items()
    )


def _store_bills(world: World, ids: dict[tuple[str, str], int]) -> None:
    bills, lines, links = [], [], []
    for one in world.people:
        for bill in one.bills:
            common = {
                "org": world.org,
                "customer_id": one.id,
                "received_at": world.at,
                "changed_at": world.at,
            }
            bills.append(
                m.Transaction(
                    id=bill.id,
                    txn_at=bill.at,
                    external_id=bill.number,
                    kind="sale",
                    store_id=ids["store", bill.store] if bill.store else None,
                    net=bill.net,
                    net_after_returns=bill.net_after_returns,
                    fully_returned=bill.fully_returned,
                    items=bill.items,
                    source=bill.source,
                    payment_modes=bill.modes,
                    coupon_codes=bill.coupons,
                    **common,
                )
            )
            lines += _lines(
                world, one.id, bill.at, bill.id, [(x.product, x.quantity, x.amount) for x in bill.lines], ids
            )
            for number, (at, back, net) in enumerate(bill.returns):
                pk = bill.id + 1_000_000 * (number + 1)
                bills.append(
                    m.Transaction(
                        id=pk,
                        txn_at=at,
                        external_id=f"R-{pk}",
                        kind="return",
                        net=net,
                        net_after_returns=net,
                        returns_external_id=bill.number,
                        **common,
                    )
                )
                lines += _lines(world, one.id, at, pk, [(p, q, a) for p, (q, a) in back.items()], ids)
                links.append(
                    m.ExternalRef(
                        org=world.org,
                        kind="return",
                        key=lookup_key("return", bill.number),
                        value=f"R-{pk}",
                        customer_id=one.id,
                        txn_at=at,
                        txn_id=pk,
                    )
                )
    days = [row.txn_at.date() for row in bills]
    months.ensure("audiences_transaction", days)
    months.ensure("audiences_transactionline", days)
    m.Transaction.objects.bulk_create(bills)
    m.TransactionLine.objects.bulk_create(lines)
    m.ExternalRef.objects.bulk_create(links)


def _lines(
    world: World,
    customer_id: int,
    at: datetime,
    txn_id: int,
    rows: list[tuple[str, int, int]],
    ids: dict[tuple[str, str], int],
) -> list[m.TransactionLine]:
    return [
        m.TransactionLine(
            org=world.org,
            customer_id=customer_id,
            txn_at=at,
            txn_id=txn_id,
            line_no=number,
            product_id=ids["product", product],
            quantity=quantity,
            amount=amount,
        )
        for number, (product, quantity, amount) in enumerate(rows, start=1)
    ]
