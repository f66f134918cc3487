"""The signed names of a delivery."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from channels import tokens
from channels.tokens import HIDDEN_LINK, Forged, LedgerKey, RunSigner

KEYS = st.builds(
    LedgerKey,
    org=st.integers(0, 2**32 - 1),
    customer=st.integers(0, 2**48 - 1),
    run_on=st.dates(date(2000, 1, 1), date(2179, 6, 6)),
    run=st.integers(0, 2**32 - 1),
    seq=st.integers(0, 2**32 - 1),
)
LINKS = st.one_of(st.integers(0, 60), st.just(HIDDEN_LINK))
READERS: dict[str, Callable[[str], object]] = {
    "unsubscribe": tokens.read_unsubscribe,
    "open": tokens.read_open,
    "link": tokens.read_link,
    "reference": tokens.read_reference,
}
SOME = LedgerKey(org=7, customer=123_456_789, run_on=date(2026, 3, 31), run=42, seq=99)


def signed(key: LedgerKey, links: int = 61) -> tokens.Signed:
    return RunSigner(org=key.org, run_on=key.run_on, run=key.run, links=links).sign(key.customer, key.seq)


def names(key: LedgerKey, link: int = 3) -> dict[str, str]:
    made = signed(key)
    return {
        "unsubscribe": tokens.unsubscribe_token(made).decode(),
        "open": tokens.open_token(made).decode(),
        "link": tokens.link_token(made, link).decode(),
        "reference": made.reference,
    }


@given(KEYS, LINKS)
def test_a_name_leads_back_to_its_delivery(key: LedgerKey, link: int) -> None:
    """H-17, H-20: org, customer, run and row are all in it."""
    made = names(key, link)

    assert tokens.read_unsubscribe(made["unsubscribe"]) == key
    assert tokens.read_open(made["open"]) == key
    assert tokens.read_link(made["link"]) == (key, link)
    assert tokens.read_reference(made["reference"]) == key
    assert tokens.read_reference(made["reference"].upper()) == key, "relays may change the case of an address"


@given(KEYS, st.sampled_from(sorted(READERS)), st.data())
def test_a_name_altered_anywhere_is_refused(key: LedgerKey, purpose: str, data: st.DataObject) -> None:
    """H-17, H-20"""
    name = names(key)[purpose]
    at = data.draw(st.integers(0, len(name) - 1))
    alphabet = "0123456789abcdef" if purpose == "reference" else tokens._BASE62 + "-_"
    other = data.draw(st.sampled_from([character for character in alphabet if character != name[at]]))

    with pytest.raises(Forged):
        READERS[purpose](name[:at] + other + name[at + 1 :])


@pytest.mark.parametrize(("purpose", "other"), [*permutations(READERS, 2)])
def test_a_name_of_one_purpose_works_for_no_other(purpose: str, other: str) -> None:
    """H-22"""
    with pytest.raises(Forged):
        READERS[other](names(SOME)[purpose])


def test_a_link_is_bound_to_its_number() -> None:
    """H-20: the mark of one link does not open another of the same mail."""
    made = signed(SOME)
    crossed = (made.ids + tokens.link_digits(1) + made.marks[tokens.link_slice(2)]).decode()

    with pytest.raises(Forged):
        tokens.read_link(crossed)


@given(st.text(max_size=80))
def test_nothing_but_a_name_is_read(text: str) -> None:
    """H-17: a damaged link has an answer, never an error of ours."""
    for reader in (*READERS.values(), tokens.read_short):
        try:
            reader(text)
        except Forged:
            continue
        assert reader is tokens.read_short


def test_names_outlive_a_change_of_the_secret(settings: Settings) -> None:
    """H-17: unsubscribe links never expire, as long as the former secret is kept among the fallbacks."""
    made = names(SOME)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret altogether"

    assert tokens.read_unsubscribe(made["unsubscribe"]) == SOME
    assert tokens.read_reference(made["reference"]) == SOME
    assert names(SOME)["unsubscribe"] != made["unsubscribe"]

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Forged):
        tokens.read_unsubscribe(made["unsubscribe"])


def test_two_deliveries_share_no_mark() -> None:
    """H-20: per Delivery and link."""
    made = [signed(SOME._replace(seq=seq)) for seq in range(200)]
    marks = [mark.marks[at : at + 12] for mark in made for at in range(0, len(mark.marks), 12)]

    assert len(set(marks)) == len(marks)


@given(KEYS, st.integers(-1, 50))
def test_a_short_link_has_at_most_22_characters(key: LedgerKey, purpose: int) -> None:
    """H-21: with scheme, on a tracking domain of four letters."""
    signer = RunSigner(org=key.org, run_on=key.run_on, run=key.run)
    code = signer.short_code(key.customer, key.seq, purpose)
    text = tokens.short_text(code)

    assert 20 <= len(f"https://e.io/{text}") <= 22
    assert tokens.read_short(text) == code
    assert not text[0].islower(), "else it could be the path of a page"
    assert signer.short_code(key.customer, key.seq, purpose) == code
    assert signer.short_code(key.customer, key.seq, purpose + 1) != code


def test_a_reference_fits_a_bounce_address() -> None:
    """H-33: the local part of an address has at most 64 characters."""
    assert len(f"b+{signed(SOME).reference}") <= 64
