"""Where the value of a merge tag comes from: a column, as the canonical text that the compilers take (H-06).

The fragments expect a row `customer` of `audiences_customer` and the parameters `org` and `zone` (Org time). The freeze
writes them into the recipients; previews read them for one customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from audiences.models import Attribute, AudienceVersion
from audiences.uploads.columns import tag_key
from channels import tags
from channels.tags import Kind, Tag
from engage.orgs.models import Org
from engage.orgs.tenancy import org_pk


@dataclass(frozen=True)
class Source:
    label: str
    kind: Kind
    sample: str
    sql: str


_STORE = "(SELECT store.{column} FROM audiences_store store WHERE store.org_id = %(org)s AND store.id = {id})"
_LAST_STORE = (
    "(SELECT profile.last_store_id FROM audiences_profile profile "
    "WHERE profile.org_id = %(org)s AND profile.customer_id = customer.id)"
)

SOURCES: Final[dict[str, Source]] = {
    "customer.first_name": Source("First name", Kind.TEXT, "Asha", "customer.first_name"),
    "customer.last_name": Source("Last name", Kind.TEXT, "Rao", "customer.last_name"),
    "customer.full_name": Source(
        "Full name",
        Kind.TEXT,
        "Asha Rao",
        "nullif(concat_ws(' ', customer.first_name, customer.last_name), '')",
    ),
    "customer.external_id": Source("External id", Kind.TEXT, "C-1001", "customer.external_id"),
    "customer.gender": Source("Gender", Kind.TEXT, "female", "customer.gender"),
    "customer.city": Source("City", Kind.TEXT, "Pune", "customer.city"),
    "customer.region": Source("Region", Kind.TEXT, "Maharashtra", "customer.region"),
    "customer.country": Source("Country", Kind.TEXT, "IN", "customer.country"),
    "customer.language": Source("Language", Kind.TEXT, "en", "customer.language"),
    "customer.tier": Source("Tier", Kind.TEXT, "Gold", "customer.tier"),
    "customer.points": Source("Points", Kind.NUMBER, "1250", "customer.points::text"),
    "customer.birth_date": Source("Birth date", Kind.DATE, "1990-05-17", "customer.birth_date::text"),
    "customer.registered_on": Source(
        "Registered on", Kind.DATE, "2024-02-11", "(customer.registered_at AT TIME ZONE %(zone)s)::date::text"
    ),
    "store.home": Source(
        "Home store", Kind.TEXT, "Camp Road", _STORE.format(column="name", id="customer.home_store_id")
    ),
    "store.home_city": Source(
        "Home store's city", Kind.TEXT, "Pune", _STORE.format(column="city", id="customer.home_store_id")
    ),
    "store.last": Source(
        "Store of the last visit", Kind.TEXT, "Camp Road", _STORE.format(column="name", id=_LAST_STORE)
    ),
}

# A custom attribute by its type. Numbers are kept in millionths.
_ATTRIBUTE: Final[dict[str, tuple[Kind, str, str]]] = {
    Attribute.Type.TEXT: (Kind.TEXT, "text", "text"),
    Attribute.Type.CHOICE: (Kind.TEXT, "text", "choice"),
    Attribute.Type.NUMBER: (Kind.NUMBER, "trim_scale(number / 1000000.0)::text", "42"),
    Attribute.Type.DATE: (Kind.DATE, "day::text", "2026-03-31"),
    Attribute.Type.DATETIME: (Kind.DATE, "(instant AT TIME ZONE %(zone)s)::date::text", "2026-03-31"),
    Attribute.Type.YES_NO: (Kind.TEXT, "CASE WHEN flag THEN 'yes' WHEN NOT flag THEN 'no' END", "yes"),
}


def register() -> None:
    """Put the customers' tags and the campaign's into the channels' catalogue; called when the apps are ready."""
    for name, source in SOURCES.items():
        tags.register_tag(name, source.label, source.kind, source.sample)
    tags.register_tag("campaign.name", "Campaign", Kind.TEXT, "Spring sale", per_run=True)
    tags.register_tag("campaign.start", "Campaign starts", Kind.DATE, "2026-03-01", per_run=True)
    tags.register_tag("campaign.end", "Campaign ends", Kind.DATE, "2026-03-31", per_run=True)


def list_tag(column: str) -> str:
    """The tag of an uploaded list's own column (A-19)."""
    return f"list.{tag_key(column)}"


def catalogue(org: Org | int, versions: Sequence[AudienceVersion]) -> dict[str, Tag]:
    """All tags that content for these audiences may use: registered ones, custom attributes, the lists' columns."""
    found = tags.registered()
    for attribute in Attribute.objects.for_org(org):
        kind, _, sample = _ATTRIBUTE[attribute.type]
        name = f"attribute.{attribute.key}"
        found[name] = Tag(name, attribute.label, kind, sample)
    for version in versions:
        for column in version.tags:
            found.setdefault(list_tag(column), Tag(list_tag(column), column, Kind.TEXT, column))
    return found


def array(
    org: Org | int, slots: Sequence[str], versions: Sequence[AudienceVersion]
) -> tuple[str, dict[str, Any]]:
    """The SQL of a customer's `text[]` of these slots, and its parameters (`zone` is the caller's)."""
    params: dict[str, Any] = {"org": org_pk(org)}
    wanted = [name.removeprefix("attribute.") for name in slots if name.startswith("attribute.")]
    attributes = {
        attribute.key: attribute for attribute in Attribute.objects.for_org(org).filter(key__in=wanted)
    }
    parts = [_expression(slot, attributes, versions, params) for slot in slots]
    return f"ARRAY[{', '.join(parts)}]::text[]", params


def values(
    org: Org | int, slots: Sequence[str], versions: Sequence[AudienceVersion], *, customer_id: int, zone: str
) -> list[str | None]:
    """The values of one customer, for a preview or a test send."""
    sql, params = array(org, slots, versions)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sql} FROM audiences_customer customer WHERE customer.org_id = %(org)s AND customer.id = %(id)s",
            {**params, "id": customer_id, "zone": zone},
        )
        row = cursor.fetchone()
    return list(row[0]) if row else [None] * len(slots)


def _expression(
    slot: str,
    attributes: Mapping[str, Attribute],
    versions: Sequence[AudienceVersion],
    params: dict[str, Any],
) -> str:
    family, _, key = slot.partition(".")
    if slot in SOURCES:
        return SOURCES[slot].sql
    if family == "attribute" and key in attributes:
        attribute = attributes[key]
        name = f"attribute_{attribute.pk}"
        params[name] = attribute.pk
        return (
            f"(SELECT {_ATTRIBUTE[attribute.type][1]} FROM audiences_attributevalue value "
            f"WHERE value.org_id = %(org)s AND value.customer_id = customer.id AND value.attribute_id = %({name})s)"
        )
    columns = [
        _list_column(version, position, params)
        for version in versions
        for position, column in enumerate(version.tags, start=1)
        if family == "list" and list_tag(column) == slot
    ]
    # A tag that was deleted after the approval has no value: its fallback, or content_error.
    return f"coalesce({', '.join(columns)})" if columns else "NULL"


def _list_column(version: AudienceVersion, position: int, params: dict[str, Any]) -> str:
    name = f"list_{version.pk}"
    params[name] = version.pk
    return (
        f"(SELECT nullif(member.tags[{position}], '') FROM audiences_listmember member WHERE member.org_id = %(org)s "
        f"AND member.customer_id = customer.id AND member.version_id = %({name})s)"
    )
