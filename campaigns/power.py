"""The smallest lift that a control group can show (M-35)."""

from __future__ import annotations

from math import sqrt
from typing import Final

# z(97.5 %) + z(80 %): two-sided 5 %, power 80 %.
_BOTH: Final = 2.8016


def smallest_lift(test: float, control: float, rate: float) -> float | None:
    """In points; None without either group. `rate` is the control hit rate as a share."""
    if test <= 0 or control <= 0:
        return None
    return 100 * _BOTH * sqrt(rate * (1 - rate) * (1 / test + 1 / control))
