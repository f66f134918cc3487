"""From posted fields to a sketch: a tree in its stored form that may be incomplete.

Nodes are named by their place, `b0-1-2` for `blocks[0].items[1].items[2]`; a hidden field lists them in reading order.
A condition's fields begin with its name: `.field`, `.op`, `.value`…, `.when…`, `.where.<facet>…`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from audiences.builder import numbers
from audiences.segments import dates, registry
from audiences.segments.choices import Source
from audiences.segments.tree import VERSION
from audiences.segments.values import Choice, Did, Kind, Number, Operator

if TYPE_CHECKING:
    from django.http import QueryDict

    from audiences.segments.frame import Frame
    from audiences.segments.registry import Field

Sketch = dict[str, Any]
MOST_NODES: Final = 400
_NODE: Final = re.compile(r"b(\d{1,3}(?:-\d{1,3}){0,9}):([gc])")
_TOKENS: Final = re.compile(r"[,;\t\r\n]+")


def empty() -> Sketch:
    """Where a new filter begins: one block with a condition to fill in."""
    return {
        "version": VERSION,
        "base": {"unit": None, "audiences": [], "loyalty": "both"},
        "blocks": [{"match": "all", "exclude": 0, "items": [{}]}],
    }


def of(stored: Mapping[str, Any]) -> Sketch:
    """The sketch of a stored tree, in which defaults may be left out."""
    whole = empty()
    blocks = [_whole(block) for block in stored.get("blocks", [])]
    return whole | {"base": whole["base"] | stored.get("base", {}), "blocks": blocks}


def _whole(node: Mapping[str, Any]) -> dict[str, Any]:
    if "items" not in node:
        return dict(node)
    return {"match": "all", "exclude": 0, **node, "items": [_whole(item) for item in node["items"]]}


def read(post: QueryDict, frame: Frame) -> Sketch:
    """The sketch that a posted builder shows. Fields that make no sense are left out."""
    base = {
        "unit": post.get("base.unit") or None,
        "audiences": _numbers(post.getlist("base.audiences")),
        "loyalty": post.get("base.loyalty") or "both",
    }
    blocks: list[Any] = []
    nodes: dict[str, Any] = {}
    for name in post.getlist("node")[:MOST_NODES]:
        found = _NODE.fullmatch(name)
        if found is None:
            continue
        place, kind = found[1], found[2]
        parent = place.rpartition("-")[0]
        node = _group(post, place) if kind == "g" else _condition(post, f"b{place}", frame)
        nodes[place] = node
        siblings = blocks if not parent else nodes.get(parent, {}).get("items")
        if siblings is not None:
            siblings.append(node)
    return {"version": VERSION, "base": base, "blocks": blocks}


def _group(post: QueryDict, place: str) -> dict[str, Any]:
    match = post.get(f"b{place}.match", "all")
    return {
        "match": match if match in {"all", "any"} else "all",
        "exclude": int(post.get(f"b{place}.exclude") == "1"),
        "items": [],
    }


def _condition(post: QueryDict, name: str, frame: Frame) -> dict[str, Any]:
    node: dict[str, Any] = {"exclude": int(post.get(f"{name}.exclude") == "1")}
    chosen = registry.find(post.get(f"{name}.field", ""), frame)
    if chosen is None:
        return node
    node["field"] = chosen.key
    node |= _question(post, name, chosen.kind, chosen.operators, frame)
    where = _where(post, name, chosen, frame)
    if where:
        node["where"] = where
    if chosen.dates:
        when = _when(post, f"{name}.when", chosen.dates)
        if when is not None:
            node["when"] = when
    return node


def _where(post: QueryDict, name: str, chosen: Field, frame: Frame) -> dict[str, Any]:
    """The facets that the form shows; required ones begin at their default, added ones empty."""
    shown = [*post.getlist(f"{name}.facets"), post.get(f"{name}.add", "")]
    where: dict[str, Any] = {}
    for facet in chosen.facets:
        at = f"{name}.where.{facet.key}"
        if facet.required:
            where[facet.key] = {"op": "any_of", "value": [post.get(f"{at}.value") or facet.default]}
        elif facet.key in shown:
            where[facet.key] = _question(post, at, facet.kind, facet.operators, frame)
    return where


def _when(post: QueryDict, name: str, letters: str) -> dict[str, Any] | None:
    mode = dates.MODES.get(post.get(f"{name}.op", "any_time"))
    if mode is None or mode.letter not in letters or mode.letter == "L":
        return None
    return {"op": mode.key, "value": _date(post, name, mode.takes)}


def _question(
    post: QueryDict, name: str, kind: Kind, operators: Mapping[str, Operator], frame: Frame
) -> dict[str, Any]:
    """Operator and value; a new or changed field begins with its first operator."""
    operator = operators.get(post.get(f"{name}.op", "")) or next(iter(operators.values()))
    value = _value(post, name, kind, operator, frame)
    return {"op": operator.key} | ({} if value is None else {"value": value})


def _value(post: QueryDict, name: str, kind: Kind, operator: Operator, frame: Frame) -> Any:
    at = f"{name}.value"
    if operator.takes == "nothing" or isinstance(kind, Did):
        return None
    if isinstance(kind, Choice):
        return chosen_values(post, at, kind.source)
    if isinstance(kind, Number):
        if operator.takes == "range":
            return {
                end: numbers.stored(post.get(f"{at}.{end}", ""), kind, frame.settings)
                for end in ("from", "to")
            }
        return numbers.stored(post.get(at, ""), kind, frame.settings)
    if operator.takes == "many":
        return [line.strip() for line in post.get(at, "").splitlines() if line.strip()]
    if operator.takes == "one":
        return post.get(at, "")
    return _date(post, name, operator.takes)


def chosen_values(post: QueryDict, at: str, source: Source) -> list[Any]:
    """What is ticked, and codes that were typed or pasted and are to be added (A-30)."""
    ticked: list[Any] = post.getlist(at)
    if post.get("act") == f"paste:{at}":
        ticked += [token.strip() for token in _TOKENS.split(post.get(f"{at}.find", "")) if token.strip()]
    return list(dict.fromkeys(_numbers(ticked) if source.numbers else ticked))


def _date(post: QueryDict, name: str, takes: str) -> Any:
    at = f"{name}.value"

    def whole(part: str) -> Any:
        text = post.get(f"{at}.{part}", "").strip()
        return int(text) if text.isdecimal() and len(text) < 9 else text

    match takes:
        case "day":
            return post.get(at, "")
        case "days":
            return {end: post.get(f"{at}.{end}", "") for end in ("from", "to")}
        case "unit":
            return {"unit": post.get(f"{at}.unit") or "month"}
        case "amount":
            return {"n": whole("n"), "unit": post.get(f"{at}.unit") or "day"}
        case _:
            return {"last": whole("last"), "next": whole("next"), "unit": post.get(f"{at}.unit") or "day"}


def _numbers(texts: list[Any]) -> list[int]:
    return [int(text) for text in texts if str(text).isdecimal() and len(str(text)) < 19]
