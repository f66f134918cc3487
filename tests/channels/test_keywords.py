"""What an inbound text asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sms.keywords import Asked, asked


@pytest.mark.parametrize("word", ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"])
@pytest.mark.parametrize("dressed", ["{}", " {} ", "{}.", "“{}!!”", "\n{}\t", "{}☹", "(({}))"])
def test_a_word_alone_opts_out(word: str, dressed: str) -> None:
    """H-38: ignoring case, outer spaces and punctuation."""
    for written in (word, word.lower(), word.title()):
        assert asked(dressed.format(written)) is Asked.OUT


@pytest.mark.parametrize("word", ["START", "UNSTOP", "SUBSCRIBE"])
def test_a_word_alone_opts_in(word: str) -> None:
    """H-38"""
    assert asked(f" {word.lower()}! ") is Asked.IN


def test_help_is_its_own() -> None:
    """H-38"""
    assert asked("Help?") is Asked.HELP


@pytest.mark.parametrize(
    "text",
    [
        "Don't stop",
        "stop it",
        "please stop",
        "STOP STOP",
        "stopp",
        "s t o p",
        "",
        "!!!",
        "the end is nigh",
        "helpful",
    ],
)
def test_everything_else_is_a_reply(text: str) -> None:
    """H-38: “Don't stop” is neither."""
    assert asked(text) is Asked.NOTHING


def test_an_org_adds_words_per_language() -> None:
    """H-38: and opting out wins where a word means both."""
    assert asked("Arrêt !", own_out=["arrêt"]) is Asked.OUT
    assert asked("  СТОП.", own_out=["стоп"]) is Asked.OUT
    assert asked("रोकें", own_out=["रोकें"]) is Asked.OUT
    assert asked("Oui", own_in=["oui"]) is Asked.IN
    assert asked("aide", own_help=["Aide"]) is Asked.HELP
    assert asked("oui", own_out=["OUI"], own_in=["oui"]) is Asked.OUT
    assert asked("", own_out=[""]) is Asked.NOTHING


@given(st.text(max_size=40))
def test_what_surrounds_a_word_with_letters_is_never_a_request(text: str) -> None:
    """H-38"""
    assert asked(f"a {text}") is Asked.NOTHING
