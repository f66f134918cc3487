"""The languages of the pages that customers see, and which of them a reader gets (H-18)."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header

FALLBACK: Final = "en"
SPOKEN: Final[dict[str, str]] = dict(settings.LANGUAGES)


def spoken(code: str) -> str | None:
    """The language of ours that serves `code`: `pt` for `pt-BR` or `pt_BR`; None where there is none."""
    try:
        return str(translation.get_supported_language_variant(code.replace("_", "-").lower()))
    except LookupError:
        return None


def choose(accepted: str, org_language: str = "") -> str:
    """The reader's first language that is spoken here (`accepted` is Accept-Language), else the org's, else English."""
    for wanted, _ in parse_accept_lang_header(accepted):
        if wanted == "*":
            break
        if found := spoken(wanted):
            return found
    return spoken(org_language) or FALLBACK
