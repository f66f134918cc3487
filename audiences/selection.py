"""Who a message is for: customers of the chosen audiences; which of them are excluded or out of the unit (A-37)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audiences.models import AudienceVersion
from audiences.segments import compiler
from audiences.segments.frame import Frame
from audiences.segments.sql import Part, restrict
from engage.orgs.models import Org, OrgSettings


@dataclass(frozen=True)
class Selection:
    """One SELECT of `customer_id bigint, place text` for every matched customer, once each.

    `place` is '' for a targeted customer, else 'excluded' or 'out_of_unit': the first that applies (A-38). `params`
    holds `org` and names that begin with `sel_`.
    """

    sql: str
    params: dict[str, Any]


_SELECT = """SELECT customer.id AS customer_id, {place}::text AS place
FROM audiences_customer customer
JOIN (
{include}
) matched ON matched.customer_id = customer.id{joins}
WHERE customer.org_id = %(org)s AND customer.merged_into IS NULL{only customer.id}"""
_EXCLUDED = """
LEFT JOIN (
{exclude}
) unwanted ON unwanted.customer_id = customer.id"""
_UNIT = """
LEFT JOIN audiences_customerunit belongs
       ON belongs.org_id = %(org)s AND belongs.customer_id = customer.id AND belongs.unit_id = %(sel_unit)s"""


def select(
    org: Org | int,
    settings: OrgSettings,
    include: Sequence[AudienceVersion],
    exclude: Sequence[AudienceVersion],
    unit_id: int | None,
    at: datetime,
    *,
    only: str = "",
) -> Selection:
    """Compile the choice of audiences as of `at`. Call inside the org's context.

    A customer in several lists is one customer, exclusions win (A-39), a unit reaches its own customers only (T-05),
    and a merged customer is in none. `only`, a boolean over `{id}` with parameters of the caller, restricts the whole
    search to some customers, as `{id} > %(low)s AND {id} <= %(high)s` does to a slice. Raises `ValueError` without an
    audience to include, `TreeRefused` for a filter that cannot be read any more.
    """
    if not include:
        raise ValueError("choose at least one audience to include")
    frame = Frame(org, settings, at)
    frame.know([*include, *exclude])
    wanted = _members(include, frame, "sel_in_")
    params: dict[str, Any] = {**frame.params, **wanted.params}
    joins, cases = "", []
    if exclude:
        unwanted = _members(exclude, frame, "sel_out_")
        joins += _EXCLUDED.replace("{exclude}", unwanted.sql)
        params |= unwanted.params
        cases.append("WHEN unwanted.customer_id IS NOT NULL THEN 'excluded'")
    if unit_id is not None:
        joins += _UNIT
        params["sel_unit"] = unit_id
        cases.append("WHEN belongs.customer_id IS NULL THEN 'out_of_unit'")
    place = f"(CASE {' '.join(cases)} ELSE '' END)" if cases else "''"
    sql = _SELECT.replace("{place}", place).replace("{include}", wanted.sql).replace("{joins}", joins)
    return Selection(restrict(sql, only), params)


def _members(versions: Sequence[AudienceVersion], frame: Frame, prefix: str) -> Part:
    return compiler.members([version.pk for version in versions], frame).named(prefix)
