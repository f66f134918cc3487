"""A small, random, hole-riddled org, as plain rows for the oracle. `stored` puts the same rows into the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from audiences import models as m
from engage.orgs.models import Org

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
class Contact:
    """A Delivery: `sent` where the provider has it, and when what happened to it."""

    campaign: int
    message: int
    channel: str
    sent: bool
    at: dict[str, datetime]


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
    contacted: list[Contact] = field(default_factory=list)
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
        [_contact(random, at) for _one in range(random.choice([0, 0, 1, 3]))],
        merged=random.random() < 0.05,
    )


def _contact(random: Random, at: datetime) -> Contact:
    campaign = random.choice([1, 2])
    happened = {
        what: _when(random, at)
        for what in ("sent", "delivered", "opened", "clicked")
        if what == "sent" or random.random() < 0.5
    }
    sent = random.random() < 0.8
    return Contact(
        campaign, campaign * 10 + random.choice([1, 2]), random.choice(list(CHANNELS)), sent, happened
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
