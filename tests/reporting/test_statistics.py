"""The formulas of doubt, against statsmodels and the numbers of metrics.md."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from reporting import statistics
from reporting.statistics import Arms

counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def percent(value: float) -> float:
    return round(100 * value, 2)


@pytest.mark.parametrize(("k", "n", "low", "high"), [(0, 50, 0, 7.13), (120, 1000, 10.13, 14.16)])
def test_a_rate_carries_its_score_interval(k: int, n: int, low: float, high: float) -> None:
    """M-28"""
    found = statistics.wilson(k, n)
    assert (percent(found.low), percent(found.high)) == (low, high)


@given(counts)
def test_the_score_interval_is_that_of_statsmodels(pair: tuple[int, int]) -> None:
    """M-28"""
    k, n = pair
    low, high = proportion_confint(k, n, alpha=0.05, method="wilson")
    found = statistics.wilson(k, n)
    assert found.low == pytest.approx(max(0, low), abs=1e-6)
    assert found.high == pytest.approx(min(1, high), abs=1e-6)


@given(counts, counts)
def test_the_interval_of_a_lift_is_newcombes(test: tuple[int, int], control: tuple[int, int]) -> None:
    """M-29"""
    low, high = confint_proportions_2indep(*test, *control, method="newcomb", compare="diff")
    found = statistics.difference(*test, *control)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


def test_uplift_has_an_interval_on_the_log_scale_and_a_dash_at_zero() -> None:
    """M-30"""
    low, high = confint_proportions_2indep(120, 1000, 16, 200, method="log", compare="ratio")
    found = statistics.uplift(120, 1000, 16, 200)
    assert found is not None
    assert (found.low + 1, found.high + 1) == (pytest.approx(low, rel=1e-4), pytest.approx(high, rel=1e-4))
    assert statistics.uplift(0, 1000, 16, 200) is None
    assert statistics.uplift(120, 1000, 0, 200) is None


def test_incremental_sales_have_no_interval_below_two_responders() -> None:
    """M-31"""
    one = statistics.incremental(Arms(1000, 1, 5000, 25_000_000, 200, 0, 0))
    assert one is not None
    assert one.low == one.value == one.high == 5000


@pytest.mark.parametrize(
    ("test", "control", "p", "fits"),
    [(9050, 950, 0.096, True), (9100, 900, 0.0009, False), (40, 2, None, True)],
)
def test_groups_that_do_not_match_the_share_are_found(
    test: int, control: int, p: float | None, fits: bool
) -> None:
    """M-33"""
    found = statistics.share_check(test, control, 0.1)
    if p is None:
        assert found is None
    else:
        assert found is not None
        assert (round(found.p, 4 if p < 0.001 else 3), found.fits) == (p, fits)


def test_the_smallest_detectable_lift() -> None:
    """M-35"""
    found = statistics.smallest_lift(0.05, 9000, 1000)
    assert found is not None
    assert percent(found) == 2.04
    assert statistics.smallest_lift(0.05, 0, 1000) is None


@pytest.mark.parametrize(
    ("arms", "final", "says"),
    [
        (Arms(1000, 120, 1, 1, 200, 16, 1), False, "Too early to tell"),
        (Arms(1000, 120, 1, 1, 99, 16, 1), True, "Too early to tell"),
        (Arms(1000, 10, 1, 1, 200, 9, 1), True, "Too early to tell"),
        (Arms(1000, 120, 1, 1, 200, 16, 1), True, "No clear difference"),
        (Arms(10_000, 1200, 1, 1, 2000, 160, 1), True, "More than control"),
        (Arms(10_000, 800, 1, 1, 2000, 300, 1), True, "Less than control"),
    ],
)
def test_no_winner_is_named_too_early(arms: Arms, final: bool, says: str) -> None:
    """M-32"""
    assert statistics.verdict(arms, final=final) == says
