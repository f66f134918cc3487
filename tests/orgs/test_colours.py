"""Whatever colour an org chooses, its page can be read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.orgs import colours
from engage.orgs.colours import DARK_GROUND, LIGHT_GROUND, contrast


def written(colour: str) -> dict[str, list[str]]:
    """Each token of the stylesheet: its colours, of light and dark."""
    lines = re.findall(r"--([\w-]+): (.*);", colours.stylesheet(colour))
    return {name: re.findall(r"#[0-9a-f]{6}", value) for name, value in lines}


@given(number=st.integers(0, 0xFFFFFF))
def test_every_colour_can_be_read_in_both_themes(number: int) -> None:
    """H-18, Q-29"""
    colour = f"#{number:06x}"
    tokens = written(colour)
    assert tokens["accent"] == [colour]
    assert contrast(colour, tokens["accent-ink"][0]) >= 4.5
    for brand, ink, ground in zip(
        tokens["brand"], tokens["brand-ink"], (LIGHT_GROUND, DARK_GROUND), strict=True
    ):
        assert contrast(brand, ground) >= 4.5
        assert contrast(brand, ink) >= 4.5


def test_a_colour_that_can_be_read_is_left_as_it_is() -> None:
    """H-18"""
    assert written("#1f5c99")["brand"][0] == "#1f5c99"
    assert written("#ffd400")["brand"][1] == "#ffd400"


def test_contrast_is_that_of_wcag() -> None:
    """Q-29"""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("#1F5C99", "#1f5c99"), ("1f5c99", "#1f5c99"), (" #abc ", "#aabbcc"), ("red", None), ("#12345", None),
     ("#1f5c99;}", None), ("#１２３", None), ("", None)],
)  # fmt: skip
def test_only_a_colour_becomes_part_of_a_stylesheet(said: str, meant: str | None) -> None:
    """H-18, Q-27"""
    assert colours.normal(said) == meant
