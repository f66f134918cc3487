"""Choices among the org's own rows: units, stores, zones, products, categories, brands, audiences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import babel
from django.db.models import Q, QuerySet

from audiences.models import Audience, AudienceVersion, Category, Product, Store, Zone
from audiences.segments.choices import Key, Option, Source
from audiences.segments.frame import Frame
from engage.orgs.models import OrgUnit

FOUND_AT_MOST: Final = 20


def by_code(key: str, rows: Callable[[Frame], QuerySet[Any]], *, few: bool = False) -> Source:
    """Rows with a code and a name, whatever model they are of."""

    def labels(frame: Frame, keys: Sequence[Key]) -> Mapping[Key, str]:
        found = rows(frame).filter(code__in=[str(one) for one in keys]).values_list("code", "name")
        return {code: name or code for code, name in found}

    def search(frame: Frame, text: str) -> list[Option]:
        meant = Q(name__icontains=text) | Q(code__istartswith=text)
        found = rows(frame).filter(meant).order_by("name", "code").values_list("code", "name")
        return [Option(code, name or code, code) for code, name in found[:FOUND_AT_MOST]]

    def every(frame: Frame) -> list[Option]:
        return [Option(code, name or code, code) for code, name in rows(frame).values_list("code", "name")]

    return Source(key, labels, search, every if few else None)


def _units(frame: Frame) -> QuerySet[OrgUnit]:
    units = OrgUnit.objects.for_org(frame.org_id)
    if frame.access is None or frame.access.whole_org:
        return units
    return units.filter(pk__in=frame.access.unit_ids)


def _brand_labels(frame: Frame, keys: Sequence[Key]) -> Mapping[Key, str]:
    brands = Product.objects.for_org(frame.org_id).filter(brand__in=[str(key) for key in keys])
    return {brand: brand for brand in brands.order_by().values_list("brand", flat=True).distinct()}


def _brand_search(frame: Frame, text: str) -> list[Option]:
    brands = Product.objects.for_org(frame.org_id).filter(brand__icontains=text).exclude(brand="")
    found = brands.order_by("brand").values_list("brand", flat=True).distinct()
    return [Option(brand, brand) for brand in found[:FOUND_AT_MOST]]


def visible_versions(frame: Frame) -> QuerySet[AudienceVersion]:
    """The versions of audiences that may be named: any that a stored tree pins, in the scope of who asks."""
    versions = AudienceVersion.objects.for_org(frame.org_id).select_related("audience")
    if frame.access is None or frame.access.whole_org:
        return versions
    return versions.filter(audience__unit_id__in=frame.access.unit_ids)


def _audience_labels(frame: Frame, keys: Sequence[Key]) -> Mapping[Key, str]:
    found = visible_versions(frame).filter(pk__in=keys)
    return {
        version.pk: version.audience.name
        if version.audience.current_id == version.pk
        else f"{version.audience.name} (version {version.number})"
        for version in found
    }


def _audience_search(frame: Frame, text: str) -> list[Option]:
    audiences = Audience.objects.for_org(frame.org_id).filter(archived_at=None, current__usable=True)
    if frame.access is not None:
        audiences = audiences.visible_to(frame.access)
    found = audiences.filter(name__icontains=text).order_by("-updated_at")[:FOUND_AT_MOST]
    return [Option(one.current_id or 0, one.name, one.get_kind_display()) for one in found]


def _from_locale(key: str, names: Callable[[babel.Locale], Mapping[str, str]], length: int) -> Source:
    """Names of countries or languages in the org's language."""

    def known(frame: Frame) -> dict[str, str]:
        locale = babel.Locale.parse(frame.settings.language.replace("-", "_"))
        return {code: name for code, name in names(locale).items() if len(code) == length and code.isalpha()}

    def labels(frame: Frame, keys: Sequence[Key]) -> Mapping[Key, str]:
        every = known(frame)
        return {one: every.get(str(one), str(one)) for one in keys}

    def search(frame: Frame, text: str) -> list[Option]:
        wanted = text.lower()
        found = [
            Option(code, name, code)
            for code, name in known(frame).items()
            if wanted in name.lower() or wanted == code.lower()
        ]
        return sorted(found, key=lambda option: option.label)[:FOUND_AT_MOST]

    return Source(key, labels, search)


UNITS: Final = by_code("unit", _units, few=True)
STORES: Final = by_code("store", lambda frame: Store.objects.for_org(frame.org_id))
ZONES: Final = by_code("zone", lambda frame: Zone.objects.for_org(frame.org_id))
PRODUCTS: Final = by_code("product", lambda frame: Product.objects.for_org(frame.org_id))
CATEGORIES: Final = by_code("category", lambda frame: Category.objects.for_org(frame.org_id))
BRANDS: Final = Source("brand", _brand_labels, _brand_search)
AUDIENCES: Final = Source("audience", _audience_labels, _audience_search, strict=True, numbers=True)
COUNTRIES: Final = _from_locale("country", lambda locale: locale.territories, 2)
LANGUAGES: Final = _from_locale("language", lambda locale: locale.languages, 2)

# What the chosen codes mean, as SELECTs of ids. A zone or category means all below it, future ones too.
UNIT_IDS: Final = (
    "SELECT unit.id FROM orgs_orgunit unit WHERE unit.org_id = %(org)s AND unit.code = ANY(%(value)s)"
)
STORE_IDS: Final = (
    "SELECT store.id FROM audiences_store store WHERE store.org_id = %(org)s AND store.code = ANY(%(value)s)"
)
STORES_OF_UNIT_IDS: Final = """SELECT store.id FROM audiences_store store
JOIN orgs_orgunit unit ON unit.org_id = %(org)s AND unit.id = store.unit_id
WHERE store.org_id = %(org)s AND unit.code = ANY(%(value)s)"""
STORES_OF_ZONE_IDS: Final = """SELECT store.id FROM audiences_store store
JOIN audiences_zone zone ON zone.org_id = %(org)s AND zone.id = store.zone_id
JOIN audiences_zone chosen ON chosen.org_id = %(org)s AND chosen.code = ANY(%(value)s)
 AND zone.path >= chosen.path AND zone.path < left(chosen.path, -1) || '?'
WHERE store.org_id = %(org)s"""
PRODUCT_IDS: Final = (
    "SELECT product.id FROM audiences_product product "
    "WHERE product.org_id = %(org)s AND product.code = ANY(%(value)s)"
)
PRODUCTS_OF_BRAND_IDS: Final = (
    "SELECT product.id FROM audiences_product product "
    "WHERE product.org_id = %(org)s AND product.brand = ANY(%(value)s)"
)
PRODUCTS_OF_CATEGORY_IDS: Final = """SELECT product.id FROM audiences_product product
JOIN audiences_category category ON category.org_id = %(org)s AND category.id = product.category_id
JOIN audiences_category chosen ON chosen.org_id = %(org)s AND chosen.code = ANY(%(value)s)
 AND category.path >= chosen.path AND category.path < left(chosen.path, -1) || '?'
WHERE product.org_id = %(org)s"""
