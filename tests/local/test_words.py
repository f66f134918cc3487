"""The pages that customers see speak every language that they offer."""

from __future__ import annotations

import gettext
import re

import pytest

from engage.local import words
from engage.orgs.languages import FALLBACK, SPOKEN

OTHERS = sorted(set(SPOKEN) - {FALLBACK})


def test_the_texts_are_found() -> None:
    """Q-31"""
    found = {str(message.id) for message in words.texts()}
    assert {"Unsubscribe", "Undo", "e-mail", "I get too many messages", "optional"} <= found


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_compiled(language: str) -> None:
    """H-18, Q-31"""
    written = {message.id: message.string for message in words.translations(language) if message.id}
    wanted = {message.id for message in words.texts() if message.id}
    assert wanted - {text for text, said in written.items() if said} == set()
    assert set(written) - wanted == set()
    with words.file_of(language).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert {text: compiled.gettext(text) for text in written} == written


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_names_what_the_text_names(language: str) -> None:
    """Q-31"""
    for message in words.translations(language):
        names = [sorted(re.findall(r"%\(\w+\)s", str(text))) for text in (message.id, message.string)]
        if message.id:
            assert names[0] == names[1], message.id
