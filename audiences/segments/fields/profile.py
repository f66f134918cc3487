"""Who a customer is: the columns of the customer's own row, units and home store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from audiences.segments import dates, sources
from audiences.segments.choices import fixed
from audiences.segments.registry import Field
from audiences.segments.sql import Fragment
from audiences.segments.values import Choice, Date, Number, Text

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition

GENDERS: Final = fixed("gender", [("female", _("Female")), ("male", _("Male")), ("other", _("Other"))])


def column(expression: str) -> Callable[[Condition, Frame], Fragment]:
    """A field that compares one expression over the customer's row."""

    def compile_column(condition: Condition, frame: Frame) -> Fragment:
        part = condition.field.kind.test(expression, condition.operator, condition.value, frame)
        return Fragment(part.sql, part.params)

    return compile_column


def _age(condition: Condition, frame: Frame) -> Fragment:
    """Turned round to the birth date, which an index and a policy can compare.

    At least n: born on or before the day n years ago; at most n: born after the day n + 1 years ago.
    """
    if condition.operator.takes == "nothing":
        return column("customer.birth_date")(condition, frame)
    born, value = "customer.birth_date", condition.value
    ranges = {
        "gte": (value, None),
        "lte": (None, value),
        "eq": (value, value),
        "ne": (value, value),
        "gt": (value, None),
        "lt": (None, value),
    }
    low, high = (
        (value["from"], value["to"])
        if condition.operator.takes == "range"
        else ranges[condition.operator.key]
    )
    if condition.operator.key == "gt":
        low += 1
    if condition.operator.key == "lt":
        high -= 1
    tests, params = [], {}
    if low is not None:
        tests.append(f"{born} <= %(oldest)s")
        params["oldest"] = dates.born_by(frame.today, low)
    if high is not None:
        tests.append(f"{born} > %(youngest)s")
        params["youngest"] = dates.born_by(frame.today, high + 1)
    inside = " AND ".join(tests)
    return Fragment(f"NOT ({inside})" if condition.operator.key == "ne" else inside, params)


def _units(condition: Condition, frame: Frame) -> Fragment:
    """A customer may have several units; one without any has nothing to compare (A-32)."""
    belongs = (
        "EXISTS (SELECT FROM audiences_customerunit belongs WHERE belongs.org_id = %(org)s "
        "AND belongs.customer_id = customer.id{of_these})"
    )
    some = belongs.replace("{of_these}", "")
    chosen = belongs.replace("{of_these}", f" AND belongs.unit_id IN ({sources.UNIT_IDS})")
    where = {
        "any_of": chosen,
        "none_of": f"{some} AND NOT {chosen}",
        "blank": f"NOT {some}",
        "not_blank": some,
    }[condition.operator.key]
    return Fragment(where, {} if condition.value is None else {"value": condition.value})


PROFILE: Final = "Profile"
FIELDS: Final = (
    Field("gender", _("Gender"), PROFILE, Choice(GENDERS), column("customer.gender")),
    Field("age", _("Age"), PROFILE, Number(highest=150), _age),
    Field("birthday", _("Birthday"), PROFILE, Date("anniversary"), column("customer.birth_date")),
    Field("anniversary", _("Anniversary"), PROFILE, Date("anniversary"), column("customer.anniversary")),
    Field("language", _("Language"), PROFILE, Choice(sources.LANGUAGES), column("customer.language")),
    Field("country", _("Country"), PROFILE, Choice(sources.COUNTRIES), column("customer.country")),
    Field("region", _("Region"), PROFILE, Text(), column("customer.region_norm")),
    Field("city", _("City"), PROFILE, Text(), column("customer.city_norm")),
    Field("time_zone", _("Time zone"), PROFILE, Text(), column('lower(customer.time_zone) COLLATE "C"')),
    Field("unit", _("Unit"), PROFILE, Choice(sources.UNITS, sources.UNIT_IDS), _units),
    Field(
        "home_store",
        _("Home store"),
        PROFILE,
        Choice(sources.STORES, sources.STORE_IDS),
        column("customer.home_store_id"),
    ),
    Field(
        "home_zone",
        _("Zone of the home store"),
        PROFILE,
        Choice(sources.ZONES, sources.STORES_OF_ZONE_IDS),
        column("customer.home_store_id"),
    ),
    Field("registered_at", _("Registered"), PROFILE, Date("instant"), column("customer.registered_at")),
)
