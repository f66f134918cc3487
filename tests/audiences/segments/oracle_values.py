"""The oracle's comparisons of one value, and what the catalogue says about stores and products.

A missing value makes every comparison untrue (A-32).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.audiences.segments.world import CATEGORIES, PRODUCTS, STORES, ZONES, Bill


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
