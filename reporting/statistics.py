"""How sure a difference is (M-28 to M-35), from counts and sums alone.

Sources: Wilson (1927) for one rate; Newcombe (1998), method 10, for a difference of two; Katz (1978), the log method,
for their ratio; the delta method for incremental sales. statsmodels is the oracle in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, sqrt
from typing import Final

Z: Final = 1.959964
# z of a two-sided 5 % and of 80 % power, added (M-35).
DETECT: Final = 2.8016
MISMATCH_P: Final = 0.001


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bounds."""

    value: float
    low: float
    high: float

    def excludes(self, number: float) -> bool:
        return number < self.low or number > self.high


def wilson(k: int, n: int) -> Interval:
    """The score interval of k of n; n is above 0. Shares, not percent."""
    p = k / n
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return Interval(p, max(0.0, middle - half), min(1.0, middle + half))


def difference(k_test: int, n_test: int, k_control: int, n_control: int) -> Interval:
    """The hybrid score interval of the difference of two rates (M-29). Shares, not points."""
    test, control = wilson(k_test, n_test), wilson(k_control, n_control)
    d = test.value - control.value
    low = d - sqrt((test.value - test.low) ** 2 + (control.high - control.value) ** 2)
    high = d + sqrt((test.high - test.value) ** 2 + (control.value - control.low) ** 2)
    return Interval(d, low, high)


def uplift(k_test: int, n_test: int, k_control: int, n_control: int) -> Interval | None:
    """The ratio of two rates minus one, on the log scale; None where either is 0 (M-30)."""
    if not (k_test and k_control):
        return None
    ratio = (k_test / n_test) / (k_control / n_control)
    spread = Z * sqrt(1 / k_test - 1 / n_test + 1 / k_control - 1 / n_control)
    return Interval(ratio - 1, ratio * exp(-spread) - 1, ratio * exp(spread) - 1)


@dataclass(frozen=True)
class Arms:
    """Counts and sums of both arms. Money in minor units; squares over responders' sales.

    TC, TR, TS: contacted test customers, responders, their sales. CC, CR, CS: the same of held-out control customers.
    """

    tc: int
    tr: int
    ts: int
    squares: int
    cc: int
    cr: int
    cs: int

    @property
    def comparable(self) -> bool:
        return self.tc > 0 and self.cc > 0

    @property
    def deviation(self) -> float | None:
        """The sample deviation of sales per responder; None below two."""
        if self.tr < 2:
            return None
        return sqrt(max(0.0, (self.squares - self.ts * self.ts / self.tr) / (self.tr - 1)))


def incremental(arms: Arms) -> Interval | None:
    """M-20 with M-31's interval: (TR/TC - CR/CC) x TC x TS/TR. None without control; bounds equal the value below two
    responders, where there is no interval."""
    if not arms.comparable:
        return None
    if arms.tr == 0:
        return Interval(0.0, 0.0, 0.0)
    pt, pc, mean = arms.tr / arms.tc, arms.cr / arms.cc, arms.ts / arms.tr
    value = (pt - pc) * arms.tc * mean
    s = arms.deviation
    if s is None:
        return Interval(value, value, value)
    variance = mean**2 * (pt * (1 - pt) / arms.tc + pc * (1 - pc) / arms.cc) + (pt - pc) ** 2 * s**2 / arms.tr
    half = Z * arms.tc * sqrt(variance)
    return Interval(value, value - half, value + half)


def incremental_per_head(arms: Arms) -> float | None:
    """M-22: TC x (TS/TC - CS/CC)."""
    return arms.tc * (arms.ts / arms.tc - arms.cs / arms.cc) if arms.comparable else None


@dataclass(frozen=True)
class ShareCheck:
    """Whether two counts fit the set share (M-33)."""

    p: float
    fits: bool


def share_check(test: int, control: int, control_share: float) -> ShareCheck | None:
    """Chi-square with one degree of freedom; None where an expected count is under 5."""
    total = test + control
    expected_test, expected_control = total * (1 - control_share), total * control_share
    if min(expected_test, expected_control) < 5:
        return None
    x2 = (test - expected_test) ** 2 / expected_test + (control - expected_control) ** 2 / expected_control
    p = erfc(sqrt(x2 / 2))
    return ShareCheck(p, p >= MISMATCH_P)


def smallest_lift(rate: float, n_test: float, n_control: float) -> float | None:
    """The smallest difference that would show in four of five campaigns (M-35). Shares, not points."""
    if n_test <= 0 or n_control <= 0:
        return None
    return DETECT * sqrt(rate * (1 - rate) * (1 / n_test + 1 / n_control))


TOO_EARLY, MORE, LESS, NO_DIFFERENCE = (
    "Too early to tell",
    "More than control",
    "Less than control",
    "No clear difference",
)


def verdict(arms: Arms, *, final: bool) -> str:
    """M-32: no winner is named while results are provisional or counts are small."""
    if not final or arms.cc < 100 or arms.tr + arms.cr < 20:
        return TOO_EARLY
    lift = difference(arms.tr, arms.tc, arms.cr, arms.cc)
    if not lift.excludes(0):
        return NO_DIFFERENCE
    return MORE if lift.value > 0 else LESS
