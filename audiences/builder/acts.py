"""What the builder's buttons do to a sketch. Each names its place; one that no longer fits does nothing."""

from __future__ import annotations

from typing import Any

from audiences.builder.sketch import Sketch
from audiences.segments.tree import DEEPEST


def act(sketch: Sketch, name: str) -> str:
    """Do what the button `verb:place` says. Returns the place to look at next, empty where it is all the same."""
    verb, _, place = name.partition(":")
    if verb == "block":
        sketch["blocks"].append(_new_group("all"))
        return f"b{len(sketch['blocks']) - 1}-0"
    place, _, facet = place.partition(":")
    siblings, at = _find(sketch, place)
    if siblings is None:
        return ""
    node = siblings[at]
    match verb:
        case "focus":
            return place
        case "condition" | "group":
            return _add(node, place, group=verb == "group")
        case "remove":
            del siblings[at]
            return _neighbour(siblings, place)
        case "drop":
            node.get("where", {}).pop(facet, None)
            return place
        case "all" | "any" if "items" in node:
            node["match"] = verb
    return ""


def depth(place: str) -> int:
    """How deep a group stands; a block is at 1."""
    return place.count("-") + 1


def _add(node: dict[str, Any], place: str, *, group: bool) -> str:
    items = node.get("items")
    if items is None or (group and depth(place) >= DEEPEST):
        return ""
    # Inside ALL one wants an OR, and the other way round.
    items.append(_new_group("any" if node["match"] == "all" else "all") if group else {})
    return f"{place}-{len(items) - 1}" + ("-0" if group else "")


def _new_group(match: str) -> dict[str, Any]:
    return {"match": match, "exclude": 0, "items": [{}]}


def _neighbour(siblings: list[Any], place: str) -> str:
    """The node that took the place of a removed one, the one before it, or what held them."""
    parent, _, at = place.removeprefix("b").rpartition("-")
    if not siblings:
        return f"b{parent}" if parent else ""
    at_most = min(int(at), len(siblings) - 1)
    return f"b{parent}-{at_most}" if parent else f"b{at_most}"


def _find(sketch: Sketch, place: str) -> tuple[list[Any] | None, int]:
    """The list that holds the node of this place, and where in it."""
    siblings: list[Any] | None = sketch["blocks"]
    held, at = siblings, 0
    for step in place.removeprefix("b").split("-"):
        if siblings is None or not step.isdecimal() or int(step) >= len(siblings):
            return None, 0
        held, at = siblings, int(step)
        siblings = siblings[at].get("items")
    return held, at
