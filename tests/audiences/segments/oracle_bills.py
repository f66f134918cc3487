"""The oracle's reading of what a customer bought (A-29, A-33, A-35)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.audiences.segments.oracle_dates import Calendar
from tests.audiences.segments.oracle_values import (
    choice,
    left,
    mean,
    number,
    of_product,
    scaled,
    several,
    stores_of_zones,
)
from tests.audiences.segments.world import STORES, Bill


class Bills:
    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def holds(self, asked: dict[str, Any], bills: list[Bill]) -> bool:
        field, op, value = asked["field"], asked["op"], asked.get("value")
        sales = [bill for bill in bills if not bill.fully_returned]
        if field.startswith(("first_", "last_")):
            return self.first_or_last(field, op, value, sales)
        when = asked.get("when")

        def in_time(at: datetime) -> bool:
            return when is None or self.calendar.dated(at, when["op"], when.get("value"))

        if field in {"returned", "returned_amount"}:
            backs = [net for bill in bills for at, _lines, net in bill.returns if in_time(at)]
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
            "visits": lambda: len({self.calendar.day_of(bill.at) for bill in sales}),
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
                return self.calendar.dated(bill.at if bill else None, op, value)
            case "store":
                return choice(bill.store if bill else None, op, value)
            case "amount":
                return number(bill.net_after_returns if bill else None, op, value)
            case _:
                days = (self.calendar.today - self.calendar.day_of(bill.at)).days if bill else None
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
        local = bill.at.astimezone(self.calendar.zone)
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
