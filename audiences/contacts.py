"""Normal forms of addresses (A-06), the keys they are found by, and how they are shown to those who may not see them.

An e-mail address keeps the case of its local part, as its owner writes it, but is compared without: no provider of note
tells them apart, and an opt-out must not slip through by a capital letter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from babel.core import get_global
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat

from audiences.keys import lookup_key
from audiences.models import ContactPoint
from engage.orgs.models import OrgSettings

LONGEST: Final = 254
EMAIL: Final = ContactPoint.Kind.EMAIL.value
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(rf"({_LOCAL})@((?:{_LABEL}\.)+(?:[A-Za-z]{{2,63}}|xn--[A-Za-z0-9-]{{2,59}}))")
# The common spelling of a number that needs no guess about its country.
_E164: Final = re.compile(r"\+([1-9][0-9]{6,14})")
_PUNCTUATION: Final = str.maketrans("", "", " \u00a0-().")


class Malformed(ValueError):
    """The text is no address of its kind."""


def normal_email(text: str) -> str:
    """The domain in lower case, a domain of another script in its ASCII form. Raises `Malformed`."""
    text = text.strip()
    match = _EMAIL.fullmatch(text) or _EMAIL.fullmatch(_ascii_domain(text))
    if match is None or len(match[1]) > 64 or len(match[0]) > LONGEST:
        raise Malformed
    return f"{match[1]}@{match[2].lower()}"


def _ascii_domain(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if domain.isascii():
        return text
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError as problem:
        raise Malformed from problem


def normal_phone(text: str, region: str) -> str:
    """International form, `+919876543210`; `region` is the country of numbers without one. Raises `Malformed`.

    A number counts as well-formed when its length is possible in its country: lists of assigned ranges are always
    behind the networks.
    """
    text = text.strip()
    match = _E164.fullmatch(text.translate(_PUNCTUATION))
    if match is not None:
        code = _calling_code(match[1][:3])
        national = match[1][len(str(code)) :]
        # A number may carry its national prefix after the code; the library knows what to do with it.
        if code and national[:1] > "1" and _length_possible(code, len(national)):
            return f"+{match[1]}"
    try:
        number = phonenumbers.parse(text, region or None)
    except NumberParseException as problem:
        raise Malformed from problem
    if not phonenumbers.is_possible_number(number) or number.extension:
        raise Malformed
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


@lru_cache(maxsize=1000)
def _calling_code(first: str) -> int:
    """The country calling code that these three digits begin with, 0 for none."""
    codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return next((int(first[:n]) for n in (1, 2, 3) if int(first[:n]) in codes), 0)


@lru_cache(maxsize=5000)
def _length_possible(code: int, digits: int) -> bool:
    """False also where the country rewrites numbers or dials something else than 0 or 1 before them."""
    region = phonenumbers.region_code_for_country_code(code)
    country = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if country is None or country.national_prefix_transform_rule is not None:
        return False
    if (country.national_prefix or "0")[0] not in "01":
        return False
    return phonenumbers.is_possible_number(PhoneNumber(country_code=code, national_number=int("2" * digits)))


def normal(kind: str, text: str, region: str) -> str:
    """The normal form of an address of this kind. Raises `Malformed`."""
    return normal_email(text) if kind == EMAIL else normal_phone(text, region)


def address_key(kind: str, value: str) -> int:
    """What every table that looks addresses up is keyed by; `value` is the normal form."""
    return lookup_key(kind, value.lower())


def region_of(settings: OrgSettings) -> str:
    """The country whose phone numbers an org writes without a code: that of its time zone, empty for UTC."""
    return str(get_global("zone_territories").get(settings.time_zone, ""))


def masked(kind: str, value: str) -> str:
    """Enough to recognise an address that one knows, too little to use it."""
    if kind == EMAIL and "@" in value:
        local, _, domain = value.rpartition("@")
        return f"{local[:1]}•••@{domain}"
    return f"{value[:3]}•••{value[-2:]}" if len(value) > 6 else "•••"
