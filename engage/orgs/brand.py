"""Every way an org's logo, colour and landing page change, and how its public pages read them (T-24, H-18)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO, Final, Self

from django.db import transaction
from django.utils.translation import gettext as _

from engage.orgs import audit, logos
from engage.orgs.access import Access
from engage.orgs.models import Brand, LandingText, Org, OrgSettings

# Each text, and what it may name. The product says what was left, so a farewell has no channel.
TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "heading": ("company", "channel"),
    "introduction": ("company", "channel"),
    "farewell": ("company",),
}
_NAMED: Final = re.compile(r"\{([^{}]*)\}")


class TextsChanged(Exception):
    """Someone saved newer texts meanwhile."""


def misplaced(text: str, known: tuple[str, ...]) -> str:
    """What in braces this text may not hold, or a brace that stands alone; empty where all is well."""
    for found in _NAMED.finditer(text):
        if found[1] not in known:
            return str(found[0])
    alone = re.search(r"[{}]", _NAMED.sub("", text))
    return str(alone[0]) if alone else ""


@dataclass(frozen=True)
class Words:
    """The org's own texts in the page's language, names filled in; an empty one is the product's to say."""

    heading: str = ""
    introduction: str = ""
    farewell: str = ""

    @classmethod
    def of(cls, texts: Mapping[str, str], **named: str) -> Self:
        """Names in braces replaced once: what they stand for is not read again."""
        return cls(**{
            text: _NAMED.sub(lambda found: named.get(found[1], found[0]), texts.get(text, "")) for text in TEXTS
        })  # fmt: skip


@dataclass(frozen=True)
class Face:
    """How an org meets its customers on a public page."""

    org_id: int
    company: str
    language: str
    logo: str
    colours: str

    def words(self, language: str, channel: str) -> Words:
        """Call inside the org's context."""
        found = LandingText.objects.for_org(self.org_id).filter(language=language).values(*TEXTS).first()
        return Words.of(found or {}, company=self.company, channel=channel)

    def coloured(self, accent: str) -> Face:
        """As it would be with another colour."""
        return replace(self, colours=Brand(org_id=self.org_id, accent=accent).colours_address)


def brand_of(org: Org | int) -> Brand:
    """What was chosen, without the picture's bytes; an unsaved row where nothing was."""
    org_id = org if isinstance(org, int) else org.pk
    return Brand.objects.for_org(org).without_picture().first() or Brand(org_id=org_id)


def logo_address(org: Org) -> str:
    """Empty where the org has no logo."""
    return brand_of(org).logo_address


def face_of(org_id: int) -> Face | None:
    """None for an org that is gone. Call inside its context."""
    settings = OrgSettings.objects.for_org(org_id).select_related("org").first()
    if settings is None:
        return None
    brand = brand_of(org_id)
    company = settings.legal_name or settings.org.name
    return Face(org_id, company, settings.language, brand.logo_address, brand.colours_address)


@transaction.atomic
def set_logo(file: BinaryIO, size: int, *, by: Access, at: datetime) -> Brand:
    """Draw the upload anew and use it from now on. Raises `LogoRefused`."""
    picture = logos.draw(file, size)
    brand = _locked(by.org)
    before = _facts(brand)
    brand.logo, brand.logo_digest = picture.content, picture.digest
    brand.logo_width, brand.logo_height = picture.width, picture.height
    brand.save()
    audit.record(
        by.org, "brand.logo_set", by=by.user, at=at, target=brand, before=before, after=_facts(brand)
    )
    return brand


@transaction.atomic
def remove_logo(*, by: Access, at: datetime) -> None:
    """Safe to repeat."""
    brand = _locked(by.org)
    if not brand.logo_digest:
        return
    before = _facts(brand)
    brand.logo, brand.logo_digest, brand.logo_width, brand.logo_height = b"", "", 0, 0
    brand.save()
    audit.record(by.org, "brand.logo_removed", by=by.user, at=at, target=brand, before=before)


@transaction.atomic
def save_landing(
    language: str, texts: Mapping[str, str], accent: str, *, read_revision: int, by: Access, at: datetime
) -> None:
    """The colour, and the texts in one language. Raises `TextsChanged` unless they are as they were read."""
    brand = _locked(by.org)
    row = LandingText.objects.for_org(by.org).filter(language=language).first()
    if (row.revision if row else 0) != read_revision:
        raise TextsChanged(
            _("Someone else saved these texts while you were writing. Yours are still here; open the page anew "
              "to see theirs, then save again.")
        )  # fmt: skip
    row = row or LandingText(org=by.org, language=language, revision=0)
    before: dict[str, Any] = {"accent": brand.accent} | {text: getattr(row, text) for text in TEXTS}
    after = {"accent": accent} | {text: texts[text] for text in TEXTS}
    changed = [name for name in after if before[name] != after[name]]
    if not changed:
        return
    if "accent" in changed:
        brand.accent = accent
        brand.save()
    if changed != ["accent"]:
        for text in TEXTS:
            setattr(row, text, texts[text])
        row.revision += 1
        row.save()
    audit.record(
        by.org, "brand.landing_changed", by=by.user, at=at, target=brand,
        before={name: before[name] for name in changed},
        after={"language": language} | {name: after[name] for name in changed},
    )  # fmt: skip


@transaction.atomic
def reset_landing(language: str | None, *, by: Access, at: datetime) -> None:
    """Back to the product's texts in one language; None: to its colour and its texts in all. The logo stays."""
    brand = _locked(by.org)
    rows = LandingText.objects.for_org(by.org)
    if language is not None:
        rows = rows.filter(language=language)
    before: dict[str, Any] = {
        row["language"]: {text: row[text] for text in TEXTS} for row in rows.values("language", *TEXTS)
    }
    if language is None and brand.accent:
        before["accent"] = brand.accent
        brand.accent = ""
        brand.save()
    if before:
        rows.delete()
        audit.record(by.org, "brand.landing_reset", by=by.user, at=at, target=brand, before=before)


def _locked(org: Org) -> Brand:
    Brand.objects.bulk_create([Brand(org=org)], ignore_conflicts=True)
    return Brand.objects.for_org(org).without_picture().select_for_update().get()


def _facts(brand: Brand) -> dict[str, Any] | None:
    """For the trail: which picture, not the picture."""
    if not brand.logo_digest:
        return None
    return {"logo": brand.logo_digest, "size": f"{brand.logo_width} × {brand.logo_height}"}
