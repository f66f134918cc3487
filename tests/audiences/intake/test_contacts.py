"""Normal forms of addresses."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.contacts import Malformed, address_key, masked, normal_email, normal_phone, region_of
from engage.orgs.models import OrgSettings


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (" Asha.Rao@EXAMPLE.Co.IN ", "Asha.Rao@example.co.in"),
        ("o'neil+shop@example.com", "o'neil+shop@example.com"),
        ("zoe@münchen.example", "zoe@xn--mnchen-3ya.example"),
        ("a@xn--mnchen-3ya.xn--p1ai", "a@xn--mnchen-3ya.xn--p1ai"),
    ],
)
def test_an_e_mail_address_has_a_lower_case_domain(given_: str, expected: str) -> None:
    """A-06"""
    assert normal_email(given_) == expected


@pytest.mark.parametrize(
    "bad",
    ["", "asha", "asha@", "@example.com", "a@b", "a b@example.com", "a..b@example.com", ".a@example.com", "a@-x.com",
     "a@example.c", "a@exa mple.com", "ä@example.com", "a@example.com\nBcc: b@example.com", "x" * 65 + "@example.com",
     "a@" + "b" * 250 + ".com"],
)  # fmt: skip
def test_what_is_no_e_mail_address_is_malformed(bad: str) -> None:
    """A-06, A-10, Q-27"""
    with pytest.raises(Malformed):
        normal_email(bad)


@pytest.mark.parametrize(
    ("given_", "region", "expected"),
    [
        ("+91 98123-45670", "", "+919812345670"),
        ("098123 45670", "IN", "+919812345670"),
        ("9812345670", "IN", "+919812345670"),
        ("(0)30 901820", "DE", "+4930901820"),
        ("+39 06 6982", "", "+39066982"),
        ("0044 7911 123456", "DE", "+447911123456"),
    ],
)
def test_a_phone_number_has_the_international_form(given_: str, region: str, expected: str) -> None:
    """A-06"""
    assert normal_phone(given_, region) == expected


@pytest.mark.parametrize(
    "bad", ["", "12", "+1", "98123 45670", "+999 12345678", "call me", "+91 98123 45670 ext. 5"]
)
def test_what_is_no_phone_number_is_malformed(bad: str) -> None:
    """A-06, A-10"""
    with pytest.raises(Malformed):
        normal_phone(bad, "")


_CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(_CODES), st.text("0123456789", min_size=4, max_size=12))
def test_the_short_way_through_common_numbers_agrees_with_the_library(code: int, digits: str) -> None:
    """A-06"""
    text = f"+{code}{digits}"
    try:
        number = phonenumbers.parse(text, None)
        possible = phonenumbers.is_possible_number(number)
    except phonenumbers.NumberParseException:
        possible = False
    if possible:
        assert normal_phone(text, "") == phonenumbers.format_number(
            number, phonenumbers.PhoneNumberFormat.E164
        )
    else:
        with pytest.raises(Malformed):
            normal_phone(text, "")


def test_numbers_without_a_country_are_those_of_the_orgs_time_zone() -> None:
    """A-06"""
    assert region_of(OrgSettings(time_zone="Asia/Kolkata")) == "IN"
    assert region_of(OrgSettings(time_zone="UTC")) == ""


def test_case_does_not_tell_addresses_apart_and_masks_show_little() -> None:
    """A-08, Q-26"""
    assert address_key("email", "Asha@example.com") == address_key("email", "asha@example.com")
    assert masked("email", "asha@example.com") == "a•••@example.com"
    assert masked("phone", "+919812345670") == "+91•••70"
    assert masked("phone", "12") == "•••"
