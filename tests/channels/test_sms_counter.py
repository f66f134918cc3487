"""What a text message costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sms.segments import count, is_plain, plain, replacements
from tests.channels.contents import facts, refused, sms, values

VECTORS = [
    ("a" * 160, 1),
    ("a" * 161, 2),
    ("a" * 306, 2),
    ("a" * 307, 3),
    ("€" * 80, 1),
    ("€" * 81, 2),
    ("Ж" * 70, 1),
    ("Ж" * 71, 2),
    ("Ж" * 134, 2),
    ("Ж" * 135, 3),
    ("😀" * 35, 1),
    ("😀" * 36, 2),
]


@pytest.mark.parametrize(("text", "segments"), VECTORS)
def test_the_vectors(text: str, segments: int) -> None:
    """H-27"""
    assert count(text).segments == segments


@pytest.mark.parametrize("character", "^{}[]~|\\€")
def test_extended_characters_count_two(character: str) -> None:
    """H-25"""
    assert count(character * 80).segments == 1
    assert count(character * 80 + "a").segments == 2
    assert count(character).encoding == "gsm7"


def test_no_character_is_cut_across_segments() -> None:
    """H-25: a character of two units that does not fit begins the next segment."""
    assert count("a" * 152 + "€" + "a" * 152).segments == 3, "the € moves on, the tail no longer fits"
    assert count("a" * 151 + "€" + "a" * 153).segments == 2
    assert count("Ж" * 66 + "😀" + "Ж" * 66).segments == 3
    assert count("Ж" * 65 + "😀" + "Ж" * 67).segments == 2


def test_one_character_forces_unicode_and_is_named() -> None:
    """H-25, H-26"""
    counted = count("Caf\u00e9 – open")

    assert (counted.encoding, counted.forced_by, counted.units) == ("unicode", "–", 11)
    assert count("Café").encoding == "gsm7"
    assert count("").segments == 0


@given(st.text(max_size=700))
def test_the_counter_agrees_with_a_slow_one(text: str) -> None:
    """H-25: filling segments one character at a time."""
    counted = count(text)
    double = set("^{}[]~|\\€\f") if counted.encoding == "gsm7" else set()
    units = [
        (2 if character in double else 1)
        if counted.encoding == "gsm7"
        else len(character.encode("utf-16-le", "surrogatepass")) // 2
        for character in text
    ]
    single, each = (160, 153) if counted.encoding == "gsm7" else (70, 67)
    room, segments = [each], 1
    for size in units:
        if size > room[-1]:
            segments += 1
            room.append(each)
        room[-1] -= size
    assert counted.units == sum(units)
    assert counted.segments == (0 if not text else 1 if sum(units) <= single else segments)


def test_plain_forms_are_offered_where_unicode_is_not_allowed() -> None:
    """H-26"""
    problems = refused(lambda: sms("“Sale” – Łódź ☀", allow_unicode=False))

    assert "“–” → “-”" in problems["unicode"]
    assert "“Ł” → “L”" in problems["unicode"]
    assert "“☀” (has no plain form)" in problems["unicode"]
    assert replacements("ő") == {"ő": "o"}
    assert plain("‘a’…") == "'a'..."


@given(st.text(max_size=80))
def test_a_plain_form_is_plain(text: str) -> None:
    """H-26"""
    assert all(is_plain(written) for written in replacements(text).values())
    assert plain(plain(text)) == plain(text)
    if is_plain(text):
        assert plain(text) == text


def test_values_are_written_plain_and_else_the_customer_is_skipped() -> None:
    """H-02, H-26"""
    compiled = sms("Dear {{ customer.first_name }}", allow_unicode=False)

    assert compiled.preview(["Zoë Łuk"]).text == "Dear Zoe Luk"
    assert compiled.counted(["Zoë"]).encoding == "gsm7"
    assert compiled.problem(["Zoë"]) is None
    assert "王" in (compiled.problem(["王"]) or "")
    assert sms("Dear {{ customer.first_name }}").problem(["王"]) is None


def test_a_text_has_at_most_ten_segments_after_merging() -> None:
    """H-01, H-02"""
    assert "too_long" in refused(lambda: sms("a" * 1531))
    assert sms("a" * 1530).problem([]) is None

    compiled = sms("a" * 1500 + "{{ customer.first_name }}")
    assert compiled.judge_each
    assert compiled.problem(["b" * 30]) is None
    assert "11 segments" in (compiled.problem(["b" * 31]) or "")
    assert "no value" in (compiled.problem([""]) or "")


def test_links_count_as_short_ones_whatever_the_tracking_domain() -> None:
    """H-21"""
    text = "a" * 137 + " https://shop.example.com/a/very/long/address?with=much&in=it"
    for tracking in ("https://e.io", "http://localhost:8000"):
        compiled = sms(text, run=facts(tracking_url=tracking))
        assert compiled.counted(values(compiled)).segments == 1
    assert sms("a" + text).counted([]).segments == 2
