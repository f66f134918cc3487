"""Why rows were rejected, in words, with what to do about it (A-23, A-24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_lazy as _

from engage.orgs.models import Job

_WORDS: Final = {
    "unknown_customer": (
        _("Nobody has these identifiers"),
        _("Import the customers first, or correct the row."),
    ),
    "ambiguous": (
        _("More than one customer is meant"),
        _("Give the external id or the customer number, and only identifiers of one customer."),
    ),
    "missing": (_("The row names nobody"), _("Fill one of the columns that identify.")),
    "invalid_contact": (
        _("No e-mail address or phone number"),
        _("Write phone numbers with their country code, and addresses whole."),
    ),
    "bad_number": (_("No customer number"), _("A customer number is made of digits alone.")),
    "bad_code": (_("No external id"), _("An external id holds no “>”.")),
    "too_long": (_("A value is too long"), _("At most 500 characters for a tag, 100 for an external id.")),
    "control_character": (_("A line break in a value"), _("Take it out.")),
    "cells": (
        _("Too many or too few cells"),
        _("A separator stands inside a value: put the value in quotes."),
    ),
}


@dataclass(frozen=True)
class Reason:
    code: str
    words: str
    advice: str
    rows: int


def told(job: Job) -> list[Reason]:
    """Most rows first."""
    found = sorted(job.parameters["reasons"].items(), key=lambda pair: -pair[1])
    named = [(code, *_WORDS.get(code, (code, "")), rows) for code, rows in found]
    return [Reason(code, str(words), str(advice), rows) for code, words, advice, rows in named]
