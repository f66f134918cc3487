"""Which language a page of an org is in."""

from __future__ import annotations

import pytest

from engage.orgs import languages


@pytest.mark.parametrize(
    ("accepted", "org", "chosen"),
    [
        ("de", "es", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "es", "de"),
        ("pt-BR", "", "pt"),
        ("pl,fr;q=0.8,de;q=0.9", "es", "de"),
        ("pl,ja", "es", "es"),
        ("", "es", "es"),
        ("*", "es", "es"),
        ("", "pt_BR", "pt"),
        ("pl", "pl", "en"),
        ("", "", "en"),
        ("de," * 999, "it", "de"),
        ("/../x,;;q=,\x00", "it", "it"),
    ],
)
def test_the_browsers_language_then_the_orgs_then_english(accepted: str, org: str, chosen: str) -> None:
    """H-18"""
    assert languages.choose(accepted, org) == chosen
