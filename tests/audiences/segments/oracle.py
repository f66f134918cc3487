"""What a filter means, written a second time in plain Python over plain rows, straight from A-26 to A-35.

Shares no code with `audiences.segments`: it reads the stored JSON of a tree.
"""

from __future__ import annotations

from typing import Any

from tests.audiences.segments.oracle_bills import Bills
from tests.audiences.segments.oracle_dates import Calendar
from tests.audiences.segments.oracle_values import (
    choice,
    dialled,
    number,
    scaled,
    several,
    stores_of_zones,
    text,
)
from tests.audiences.segments.world import CHANNELS, Person, World

HAPPENED = {"was_sent": "sent", "was_delivered": "delivered", "opened": "opened", "clicked": "clicked"}


class Oracle:
    def __init__(self, world: World, zone: str, week_start: int, unset: str) -> None:
        self.world = world
        self.calendar = Calendar(world.at, zone, week_start)
        self.bills = Bills(self.calendar)
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
            return self.calendar.anniversary(
                person.row["birth_date" if field == "birthday" else field], op, value
            )
        if field == "age":
            return number(self.calendar.age(person.row["birth_date"]), op, value)
        if field == "registered_at":
            return self.calendar.dated(person.row["registered_at"], op, value)
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
        if field in HAPPENED:
            return self.contacted(asked, person)
        return self.bills.holds(asked, person.bills)

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
                return self.calendar.dated(held, op, value)

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
        return when is None or self.calendar.dated(said_at, when["op"], when.get("value"))

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

    def contacted(self, asked: dict[str, Any], person: Person) -> bool:
        """Campaign contact: of the messages that were handed over, one to which it happened in the dates."""
        when = asked.get("when")
        some = False
        for contact in person.contacted:
            at = contact.at.get(HAPPENED[asked["field"]])
            facets = {"campaign": contact.campaign, "message": contact.message, "channel": contact.channel}
            some |= (
                contact.sent
                and at is not None
                and all(
                    choice(facets[name], test["op"], test["value"])
                    for name, test in asked.get("where", {}).items()
                )
                and (when is None or self.calendar.dated(at, when["op"], when.get("value")))
            )
        return some == (asked["op"] == "did")
