"""Comparing text with case ignored (A-28), in the one place that may use operators which are not leakproof.

Under a policy an operator that is not leakproof (`lower`, `strpos`, `right`) is evaluated after the policy's own test
and cannot use an index. Stored normal forms are compared with `=`, `<>`, `>=`, `<`, which can; `contains` and `ends`
read every row of the org that the rest of the filter leaves, which is their price.
"""

from __future__ import annotations

from typing import Any, Final

from audiences.keys import folded
from audiences.segments.sql import Part

_HIGHEST: Final = chr(0x10FFFF)


def compare(expression: str, operator: str, value: Any) -> Part:
    """`expression` holds a normal form in collation "C"; a missing one makes every operator but blank untrue."""
    match operator:
        case "is":
            return Part(f"{expression} = %(value)s", {"value": folded(value)})
        case "is_not":
            return Part(f"{expression} <> %(value)s", {"value": folded(value)})
        case "in_list":
            return Part(f"{expression} = ANY(%(value)s)", {"value": [folded(text) for text in value]})
        case "starts":
            return _begins(expression, folded(value))
        case "contains":
            return Part(f"strpos({expression}, %(value)s) > 0", {"value": folded(value)})
        case "ends":
            ending = folded(value)
            return Part(
                f"right({expression}, %(length)s) = %(value)s", {"value": ending, "length": len(ending)}
            )
        case _:
            raise ValueError(operator)


def _begins(expression: str, prefix: str) -> Part:
    """A prefix as a range of code points, which a btree can search."""
    after = _successor(prefix)
    if after is None:
        return Part(f"{expression} >= %(value)s", {"value": prefix})
    return Part(f"{expression} >= %(value)s AND {expression} < %(after)s", {"value": prefix, "after": after})


def _successor(prefix: str) -> str | None:
    """The first text after all that begin with `prefix`; None when there is none."""
    kept = prefix.rstrip(_HIGHEST)
    if not kept:
        return None
    code = ord(kept[-1]) + 1
    # UTF-8 has no code points between these two.
    return kept[:-1] + chr(0xE000 if code == 0xD800 else code)
