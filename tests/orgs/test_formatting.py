"""How numbers, money and time read: pure, without a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from engage.orgs import formatting
from engage.orgs.formatting import Number


@dataclass
class Style:
    time_zone: str = "Asia/Kolkata"
    currency: str = "INR"
    number_format: str = "in"
    language: str = "en"


INDIA = Style()
ENGLISH = Style("America/New_York", "USD", "en")
EUROPE = Style("Europe/Berlin", "EUR", "eu")
NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("style", "text"), [(INDIA, "12,34,567"), (ENGLISH, "1,234,567"), (EUROPE, "1.234.567")]
)
def test_numbers_are_grouped_as_the_org_groups(style: Style, text: str) -> None:
    """Q-33"""
    assert formatting.number(1_234_567, style) == text
    assert formatting.number(-1_234_567, style) == f"−{text}"


@pytest.mark.parametrize(
    ("currency", "minor", "text"),
    [
        ("INR", 123_450, "₹1,234.50"),
        ("INR", 1_234_567_890, "₹1,23,45,678.90"),
        ("INR", -5, "−₹0.05"),
        ("JPY", 123_450, "¥1,23,450"),
        ("KWD", 123_450, "KWD\u00a0123.450"),
        ("USD", 0, "$0.00"),
    ],
)
def test_money_has_the_currencys_own_decimals(currency: str, minor: int, text: str) -> None:
    """Q-33, M-03: 0 decimals for JPY, 3 for KWD; exact, from minor units"""
    assert formatting.money(minor, INDIA, currency=currency) == text


def test_money_beyond_what_a_float_holds_is_exact() -> None:
    """Q-33"""
    assert formatting.money(9_007_199_254_740_993, ENGLISH) == "$90,071,992,547,409.93"


def test_europe_writes_the_symbol_last() -> None:
    """Q-33"""
    assert formatting.money(123_450, EUROPE) == "1.234,50\u00a0€"
    assert formatting.percent(96.8, EUROPE) == "96,80\u00a0%"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (96.804, "96.80%"),
        (Decimal("0.125"), "0.13%"),
        (Decimal("-0.125"), "−0.13%"),
        (Fraction(2, 3), "0.67%"),
        (Fraction(1, 200), "0.01%"),
        (2.675, "2.68%"),
        (0, "0.00%"),
        (100, "100.00%"),
    ],
)
def test_percent_is_two_decimals_half_up(value: Number, text: str) -> None:
    """M-03"""
    assert formatting.percent(value, ENGLISH) == text


def test_a_rounded_zero_has_no_sign() -> None:
    """M-03"""
    assert formatting.percent(-0.001, ENGLISH) == "0.00%"
    assert formatting.points(0.001, ENGLISH) == "0.00\u00a0pt"


def test_exports_carry_six_decimals_and_nothing_for_what_does_not_apply() -> None:
    """M-03, M-04"""
    assert formatting.exports_percent(Fraction(200, 3)) == "66.666667"
    assert formatting.exports_percent(None) == ""


def test_what_does_not_apply_is_a_dash_and_never_zero() -> None:
    """M-04"""
    writers: list[Callable[..., str]] = [
        formatting.number, formatting.compact, formatting.money, formatting.money_compact,
        formatting.percent, formatting.points, formatting.signed, formatting.instant, formatting.day,
        formatting.clock,
    ]  # fmt: skip
    assert {write(None, INDIA) for write in writers} == {"—"}


@pytest.mark.parametrize(
    ("style", "value", "text"),
    [
        (ENGLISH, 99_999, "99,999"),
        (ENGLISH, 100_000, "100k"),
        (ENGLISH, 1_240_000, "1.24M"),
        (ENGLISH, 31_800_000, "31.8M"),
        (ENGLISH, 999_949, "1.00M"),
        (ENGLISH, 9_994_999, "9.99M"),
        (ENGLISH, 9_995_000, "10.0M"),
        (ENGLISH, -1_240_000, "−1.24M"),
        (INDIA, 84_200, "84,200"),
        (INDIA, 1_240_000, "12.4\u00a0L"),
        (INDIA, 31_800_000, "3.18\u00a0Cr"),
        (INDIA, 9_999_999, "1.00\u00a0Cr"),
    ],
)
def test_tiles_show_three_figures(style: Style, value: int, text: str) -> None:
    """Q-33: lakh and crore where the org counts in them"""
    assert formatting.compact(value, style) == text


def test_money_of_tiles_is_in_lakh_and_crore() -> None:
    """Q-33"""
    assert formatting.money_compact(3_180_000_000, INDIA) == "₹3.18\u00a0Cr"
    assert formatting.money_compact(-842_000_000, INDIA) == "−₹84.2\u00a0L"
    assert formatting.money_compact(123_450, ENGLISH) == "$1,235"


def test_one_axis_has_one_unit() -> None:
    """Q-33"""
    assert formatting.axis([0, 40_000, 80_000, 120_000], ENGLISH) == ["0", "40k", "80k", "120k"]
    assert formatting.axis([0, 50_000, 100_000], INDIA) == ["0", "0.5\u00a0L", "1.0\u00a0L"]
    assert formatting.axis([-2, 0, 2], ENGLISH) == ["−2", "0", "2"]


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Asia/Kolkata", "24 Nov 2026, 10:30 IST"),
        ("Europe/Berlin", "24 Nov 2026, 06:00 CET"),
        ("America/New_York", "24 Nov 2026, 00:00 EST"),
        ("Asia/Dubai", "24 Nov 2026, 09:00 UTC+4"),
        ("America/Sao_Paulo", "24 Nov 2026, 02:00 UTC−3"),
        ("Asia/Kathmandu", "24 Nov 2026, 10:45 UTC+5:45"),
        ("UTC", "24 Nov 2026, 05:00 UTC"),
    ],
)
def test_an_instant_names_its_zone(zone: str, text: str) -> None:
    """Q-32"""
    assert formatting.instant(NOON, Style(time_zone=zone)) == text


def test_summer_time_has_its_own_name() -> None:
    """Q-32"""
    july = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert formatting.instant(july, EUROPE) == "1 Jul 2026, 12:00 CEST"
    assert formatting.instant_in_full(july, EUROPE) == (
        "Wednesday 1 July 2026, 12:00:00 CEST (Europe/Berlin, UTC+2)"
    )


def test_the_day_of_an_instant_is_its_day_in_org_time() -> None:
    """Q-32"""
    late = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    assert formatting.day(late, INDIA) == "24 Nov 2026"
    assert formatting.day(late, ENGLISH) == "23 Nov 2026"
    assert formatting.day(date(2026, 11, 23), INDIA) == "23 Nov 2026"


def test_dates_follow_the_orgs_language() -> None:
    """Q-31"""
    assert formatting.day(date(2026, 12, 1), Style(language="pt-br")) == "1 dez. 2026"
