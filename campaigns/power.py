"""The smallest lift that a control group can show (M-35)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import sqrt
from typing import Final

# z(97.5 %) + z(80 %): two-sided 5 %, power 80 %.
_BOTH: Final = 2.8016
# For an organisation that has held nobody out yet.
ASSUMED_RATE: Final = 0.05
# The organisation's control hit rate of the last 90 days as a share; the app that measures it registers itself.
Baseline = Callable[[int, datetime], float | None]
_BASELINES: list[Baseline] = []


def baseline(rate: Baseline) -> Baseline:
    """Register where the rate comes from."""
    _BASELINES.append(rate)
    return rate


def usual_rate(org_id: int, *, at: datetime) -> float:
    """The share of control customers who buy anyway, which a lift must stand out from."""
    found = (rate(org_id, at) for rate in _BASELINES)
    return next((rate for rate in found if rate), ASSUMED_RATE)


def smallest_lift(test: float, control: float, rate: float) -> float | None:
    """In points; None without either group. `rate` is the control hit rate as a share."""
    if test <= 0 or control <= 0:
        return None
    return 100 * _BOTH * sqrt(rate * (1 - rate) * (1 / test + 1 / control))
