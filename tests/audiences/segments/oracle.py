"""What a filter means, written a second time in plain Python over plain rows, straight from A-26 to A-35.

Shares no code with `audiences.segments`: it reads the stored JSON of a tree.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.audiences.segments.world import CATEGORIES, CHANNELS, PRODUCTS, STORES, ZONES, Bill, Person, World

SCALES = {"attribute:score": 1_000_000, "bought_quantity": 1000}


class Oracle:
    def __init__(self, world: World, zone: str, week_start: int, unset: str) -> None:
        self.world = world
        self.zone = ZoneInfo(zone)
        self.today = world.at.astimezone(self.zone).date()
        self.week_start = week_start
        self.unset = unset
        self.filters: dict[int, dict[str, Any]] = {}

    def find(self, tree: dict[str, Any]) -> set[int]:
        return {person.id for person in self.world.people if self.holds(tree, person)}

    def holds(self, tree: dict[str, Any], person: Person) -> bool:
        base, blocks = tree["base"], tree["blocks"]
        if person.merged or (base.get("unit") and base["unit"] not in person.units):
            return False
        member = person.row["loyalty_member"] is True
        if {"members": not member, "non_members": member}.get(base.get("loyalty", "both"), False):
            return False
        if base.get("audiences") and not any(self.listed(person, pk) for pk in base["audiences"]):
            return False
        return not blocks or any(self.node(block, person) for block in blocks)

    def listed(self, person: Person, version: int) -> bool:
        if version in self.filters:
            return self.holds(self.filters[version], person)
        return version in person.lists

    def node(self, node: dict[str, Any], person: Person) -> bool:
        if "items" in node:
            every = all if node["match"] == "all" else any
            answer = every([self.node(item, person) for item in node["items"]])
        else:
            answer = self.condition(node, person)
        return answer != bool(node.get("exclude"))

    # One condition

    def condition(self, asked: dict[str, Any], person: Person) -> bool:  # noqa: PLR0912 - one line a field
        field, op, value = asked["field"], asked["op"], asked.get("value")
        if field in {"gender", "language", "country"}:
            return choice(person.row[field], op, value)
        if field in {"region", "city", "time_zone", "external_id"}:
            return text(person.row[field], op, value)
        if field in {"email", "mobile"}:
            held = person.contacts.get("email" if field == "email" else "phone")
            if field == "mobile":
                value = dialled(value)
            return text(held[0] if held else None, op, value)
        if field in {"birthday", "anniversary"}:
            return self.anniversary(person.row["birth_date" if field == "birthday" else field], op, value)
        if field == "age":
            return number(self.age(person.row["birth_date"]), op, value)
        if field == "registered_at":
            return self.dated(person.row["registered_at"], op, value)
        if field == "home_store":
            return choice(person.home_store, op, value)
        if field == "home_zone":
            return stores_of_zones(person.home_store, op, value)
        if field == "unit":
            return several(person.units, op, value)
        if field == "audience":
            inside = any(self.listed(person, pk) for pk in value)
            return inside == (op == "any_of")
        if field.startswith("attribute:"):
            return self.attribute(field, person.attributes.get(field.partition(":")[2]), op, value)
        if field in {"contact", "reachability", "subscription"}:
            return self.channel(asked, person)
        return self.purchases(asked, person)

    def attribute(self, field: str, held: Any, op: str, value: Any) -> bool:
        match field.partition(":")[2]:
            case "note":
                return text(held, op, value)
            case "score":
                return number(held, op, scaled(value, 1_000_000))
            case "vip":
                return choice(None if held is None else str(held).lower(), op, value)
            case "size":
                return choice(held, op, value)
            case _:
                return self.dated(held, op, value)

    def channel(self, asked: dict[str, Any], person: Person) -> bool:
        channel = asked["where"]["channel"]["value"][0]
        held = person.contacts.get(CHANNELS[channel])
        if asked["field"] == "contact":
            return (held is not None) == (asked["op"] == "did")
        message_class = asked["where"]["class"]["value"][0]
        said, said_at = person.consents.get((channel, message_class), (None, None))
        bound = self.world.optouts.get((channel, message_class, held[0])) if held else None
        lifted = bound is not None and said is True and said_at is not None and said_at > bound
        out = said is False or (bound is not None and not lifted)
        if asked["field"] == "reachability":
            return choice(self.state(held, said, out=out), asked["op"], asked["value"])
        value = "no" if out else "yes" if said else "unset"
        if out:
            times = [bound, said_at if said is False else None]
            said_at = max(at for at in times if at is not None)
        if not choice(value, asked["op"], asked["value"]):
            return False
        when = asked.get("when")
        return when is None or self.dated(said_at, when["op"], when.get("value"))

    def state(self, held: tuple[str, str] | None, said: bool | None, *, out: bool) -> str:
        if held is None:
            return "unavailable"
        if held[1] in {"invalid", "hard_bounced"}:
            return held[1]
        if out or (said is None and self.unset != "yes"):
            return "unsubscribed"
        if held[1] == "soft_bounced":
            return "soft_bounced"
        if said:
            return "subscribed"
        return "valid" if held[1] == "valid" else "unverified"

    # Purchases

    def purchases(self, asked: dict[str, Any], person: Person) -> bool:
        field, op, value = asked["field"], asked["op"], asked.get("value")
        sales = [bill for bill in person.bills if not bill.fully_returned]
        if field.startswith(("first_", "last_")):
            return self.first_or_last(field, op, value, sales)
        when = asked.get("when")

        def in_time(at: datetime) -> bool:
            return when is None or self.dated(at, when["op"], when.get("value"))

        if field in {"returned", "returned_amount"}:
            backs = [net for bill in person.bills for at, _lines, net in bill.returns if in_time(at)]
            return number(len(backs) if field == "returned" else sum(backs), op, value)
        sales = [bill for bill in sales if in_time(bill.at)]
        if field.startswith("bought"):
            return self.bought(asked, sales)
        where = asked.get("where", {})
        sales = [bill for bill in sales if all(self.facet(name, test, bill) for name, test in where.items())]
        if field == "transacted":
            return bool(sales) == (op == "did")
        measures: dict[str, Callable[[], Any]] = {
            "transactions": lambda: len(sales),
            "visits": lambda: len({bill.at.astimezone(self.zone).date() for bill in sales}),
            "amount": lambda: sum(bill.net_after_returns for bill in sales),
            "average_bill": lambda: mean([bill.net_after_returns for bill in sales]),
            "items_per_bill": lambda: mean([bill.items * 1000 for bill in sales]),
        }
        wanted = scaled(value, 1000) if field == "items_per_bill" else value
        return number(measures[field](), op, wanted)

    def first_or_last(self, field: str, op: str, value: Any, sales: list[Bill]) -> bool:
        which, _, what = field.partition("_")
        ordered = sorted(sales, key=lambda bill: (bill.at, bill.id))
        bill = (ordered[0] if which == "first" else ordered[-1]) if ordered else None
        match what:
            case "at":
                return self.dated(bill.at if bill else None, op, value)
            case "store":
                return choice(bill.store if bill else None, op, value)
            case "amount":
                return number(bill.net_after_returns if bill else None, op, value)
            case _:
                days = (self.today - bill.at.astimezone(self.zone).date()).days if bill else None
                return number(days, op, value)

    def bought(self, asked: dict[str, Any], sales: list[Bill]) -> bool:
        where = asked.get("where", {})
        kept = [
            (bill.id, quantity, amount)
            for bill in sales
            for product, (quantity, amount) in left(bill).items()
            if quantity > 0 and all(of_product(name, test, product) for name, test in where.items())
        ]
        field, op, value = asked["field"], asked["op"], asked.get("value")
        if field == "bought":
            return bool(kept) == (op == "did")
        if field == "bought_times":
            return number(len({bill for bill, _q, _a in kept}), op, value)
        if field == "bought_quantity":
            return number(sum(quantity for _b, quantity, _a in kept), op, scaled(value, 1000))
        return number(sum(amount for _b, _q, amount in kept), op, value)

    def facet(self, name: str, test: dict[str, Any], bill: Bill) -> bool:
        op, value = test["op"], test["value"]
        local = bill.at.astimezone(self.zone)
        match name:
            case "store":
                return choice(bill.store, op, value)
            case "zone":
                return stores_of_zones(bill.store, op, value)
            case "unit":
                inside = {code for code, (_zone, unit) in STORES.items() if unit in value}
                return bill.store is not None and (bill.store in inside) == (op == "any_of")
            case "source":
                return choice(
                    bill.source.lower() if bill.source else None, op, [word.lower() for word in value]
                )
            case "payment_mode" | "coupon":
                held = bill.modes if name == "payment_mode" else bill.coupons
                return several({word.lower() for word in held}, op, [word.lower() for word in value])
            case "weekday":
                return choice(str(local.isoweekday()), op, value)
            case "hour":
                return number(local.hour, op, value)
            case "bill_amount":
                return number(bill.net_after_returns, op, value)
            case _:
                test = {"op": "any_of", "value": value}
                some = any(
                    q > 0 and of_product(name, test, product) for product, (q, _a) in left(bill).items()
                )
                return some == (op == "any_of")

    # Dates

    def age(self, birth: date | None) -> int | None:
        if birth is None:
            return None
        return self.today.year - birth.year - (in_year(birth, self.today.year) > self.today)

    def dated(self, held: date | datetime | None, op: str, value: Any) -> bool:
        if op in {"blank", "not_blank"} or held is None:
            return (held is None) == (op == "blank")
        day = held.astimezone(self.zone).date() if isinstance(held, datetime) else held
        first, last = self.span(op, value)
        return first <= day <= last

    def anniversary(self, held: date | None, op: str, value: Any) -> bool:
        if op in {"blank", "not_blank"} or held is None:
            return (held is None) == (op == "blank")
        if op == "any_time":
            return True
        if op in {"before", "after"}:
            bound = date.fromisoformat(value)
            day = in_year(held, bound.year)
            return day < bound if op == "before" else day > bound
        first, last = self.span(op, value)
        return any(first <= in_year(held, year) <= last for year in range(first.year, last.year + 1))

    def span(self, op: str, value: Any) -> tuple[date, date]:
        today = self.today
        one = timedelta(days=1)
        match op:
            case "any_time":
                return date.min, date.max
            case "before":
                return date.min, date.fromisoformat(value) - one
            case "after":
                return date.fromisoformat(value) + one, date.max
            case "between":
                return date.fromisoformat(value["from"]), date.fromisoformat(value["to"])
            case "last":
                return away(today, -value["n"], value["unit"]) + one, today
            case "next":
                return today, away(today, value["n"], value["unit"]) - one
            case "around":
                return (
                    away(today, -value["last"], value["unit"]) + one,
                    away(today, value["next"], value["unit"]) - one,
                )
            case "exactly_ago" | "exactly_ahead":
                n = value["n"] if op == "exactly_ahead" else -value["n"]
                day = away(today, n, value["unit"])
                return day, day
            case _:
                return self.current(value["unit"])

    def current(self, unit: str) -> tuple[date, date]:
        day = self.today
        if unit == "week":
            while day.weekday() != self.week_start:
                day -= timedelta(days=1)
            return day, day + timedelta(days=6)
        if unit == "month":
            return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
        return day, day


def in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def away(day: date, n: int, unit: str) -> date:
    if unit == "day":
        return day + timedelta(days=n)
    if unit == "week":
        return day + timedelta(weeks=n)
    step = 1 if n > 0 else -1
    year, month = day.year, day.month
    for _one in range(abs(n)):
        month += step
        if month in {0, 13}:
            year, month = year + step, 12 if month == 0 else 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


# Comparisons: a missing value makes every one of them untrue.


def number(held: Any, op: str, value: Any) -> bool:
    if op in {"blank", "not_blank"} or held is None:
        return (held is None) == (op == "blank")
    if op == "between":
        return bool(value["from"] <= held <= value["to"])
    return bool(
        {
            "gte": lambda: held >= value,
            "lte": lambda: held <= value,
            "eq": lambda: held == value,
            "gt": lambda: held > value,
            "lt": lambda: held < value,
            "ne": lambda: held != value,
        }[op]()
    )


def scaled(value: Any, scale: int) -> Any:
    if isinstance(value, dict):
        return {end: scaled(one, scale) for end, one in value.items()}
    return None if value is None else Fraction(value) * scale


def mean(values: list[int]) -> Fraction | None:
    return Fraction(sum(values), len(values)) if values else None


def choice(held: Any, op: str, value: Any) -> bool:
    if op in {"blank", "not_blank"} or held is None:
        return (held is None) == (op == "blank")
    return (held in value) == (op == "any_of")


def several(held: set[str], op: str, value: Any) -> bool:
    if op in {"blank", "not_blank"} or not held:
        return (not held) == (op == "blank")
    return bool(held & set(value)) == (op == "any_of")


def fold(held: str) -> str:
    return " ".join(held.split()).lower()


def text(held: str | None, op: str, value: Any) -> bool:
    if op in {"blank", "not_blank"} or held is None:
        return (held is None) == (op == "blank")
    mine = fold(held)
    if op == "in_list":
        return mine in [fold(one) for one in value]
    theirs = fold(value)
    return {
        "is": mine == theirs,
        "is_not": mine != theirs,
        "contains": theirs in mine,
        "starts": mine.startswith(theirs),
        "ends": mine.endswith(theirs),
    }[op]


def dialled(value: Any) -> Any:
    """What a person types between the digits of a phone number says nothing."""
    if isinstance(value, list):
        return [dialled(one) for one in value]
    return None if value is None else "".join(sign for sign in value if sign not in " -().")


def stores_of_zones(store: str | None, op: str, value: Any) -> bool:
    if op in {"blank", "not_blank"} or store is None:
        return (store is None) == (op == "blank")
    zone = STORES[store][0]
    roots = [ZONES[code] for code in value if code in ZONES]
    inside = zone is not None and any(ZONES[zone].startswith(root) for root in roots)
    return inside == (op == "any_of")


def of_product(name: str, test: dict[str, Any], product: str) -> bool:
    category, brand = PRODUCTS[product]
    value = test["value"]
    if name == "product":
        inside = product in value
    elif name == "brand":
        inside = brand in value
    else:
        roots = [CATEGORIES[code] for code in value if code in CATEGORIES]
        inside = category is not None and any(CATEGORIES[category].startswith(root) for root in roots)
    return inside == (test["op"] == "any_of")


def left(bill: Bill) -> dict[str, tuple[int, int]]:
    """What is left of each product on a bill after its returns: quantity and amount."""
    kept: dict[str, tuple[int, int]] = {}
    for line in bill.lines:
        quantity, amount = kept.get(line.product, (0, 0))
        kept[line.product] = (quantity + line.quantity, amount + line.amount)
    for _at, back, _net in bill.returns:
        for product, (quantity, amount) in back.items():
            had = kept[product]
            kept[product] = (had[0] - quantity, had[1] - amount)
    return kept
