"""What a customer bought and when, by bill (A-29, A-33, A-35).

A bill is a sale that was not fully returned; its amount is what is left after returns. Questions about all of a
customer's bills read the profile row; a window or facet reads the bills, once for each condition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from audiences.segments import sources
from audiences.segments.fields.facets import BILLS, PRODUCTS, STORES
from audiences.segments.narrowing import narrowed
from audiences.segments.registry import Field
from audiences.segments.sql import Fragment, Part
from audiences.segments.values import Choice, Date, Did, Number

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition

SALES: Final = "t.org_id = %(org)s AND t.kind = 'sale' AND NOT t.fully_returned{only t.customer_id}{narrowed}"
_BILLS: Final = f"""SELECT t.customer_id, {{measures}}
FROM audiences_transaction t
WHERE {SALES}
GROUP BY t.customer_id"""
_ONE_BILL: Final = f"""SELECT DISTINCT ON (t.customer_id) t.customer_id, t.net_after_returns
FROM audiences_transaction t
JOIN audiences_profile known ON known.org_id = %(org)s AND known.customer_id = t.customer_id
 AND known.{{column}} = t.txn_at
WHERE {SALES}
ORDER BY t.customer_id, t.id{{direction}}"""
_RETURNS: Final = """SELECT t.customer_id, count(*) AS n, sum(t.net)::bigint AS amount
FROM audiences_transaction t
WHERE t.org_id = %(org)s AND t.kind = 'return'{only t.customer_id}{narrowed}
GROUP BY t.customer_id"""


def counted(condition: Condition, expression: str, frame: Frame) -> Part:
    """A count or sum, which is 0 where there is nothing (A-33).

    Where 0 does not meet the operator the bare expression says the same and lets the planner drop the others early.
    """
    kind = condition.field.kind
    if isinstance(kind, Number) and kind.zero_meets(condition.operator, condition.value):
        expression = f"coalesce({expression}, 0)"
    return kind.test(expression, condition.operator, condition.value, frame)


def _all_bills(condition: Condition) -> bool:
    return condition.when is None and not condition.where


def _did(condition: Condition, frame: Frame) -> Fragment:
    did = condition.operator.key == "did"
    if _all_bills(condition):
        some = "coalesce(profile.transactions, 0) > 0"
        return Fragment(some if did else f"NOT {some}", profile=True)
    bills = narrowed(condition, frame, "t.txn_at")
    join = _BILLS.replace("{measures}", "true AS some").replace("{narrowed}", bills.sql)
    return Fragment(f"{{c}}.customer_id IS {'NOT ' if did else ''}NULL", bills.params, join)


def _measure(column: str, measure: str) -> Callable[[Condition, Frame], Fragment]:
    """A number over the bills: `column` of the profile for all of them where there is one, else an aggregate."""

    def compile_measure(condition: Condition, frame: Frame) -> Fragment:
        if column and _all_bills(condition):
            part = counted(condition, f"profile.{column}", frame)
            return Fragment(part.sql, part.params, profile=True)
        part = counted(condition, "{c}.measure", frame)
        bills = narrowed(condition, frame, "t.txn_at")
        join = _BILLS.replace("{measures}", f"{measure} AS measure").replace("{narrowed}", bills.sql)
        params: dict[str, Any] = {**part.params, **bills.params}
        if "%(zone)s" in measure:
            params["zone"] = frame.settings.time_zone
        return Fragment(part.sql, params, join)

    return compile_measure


def _average(total: str, profile_total: str) -> Callable[[Condition, Frame], Fragment]:
    """A quotient compared without division: total against value × bills. Missing where there is no bill (A-33)."""

    def compile_average(condition: Condition, frame: Frame) -> Fragment:
        whole = bool(profile_total) and _all_bills(condition)
        sum_, n = (f"profile.{profile_total}", "profile.transactions") if whole else ("{c}.total", "{c}.n")
        some = f"coalesce({n}, 0) > 0"
        kind = condition.field.kind
        assert isinstance(kind, Number)
        if condition.operator.takes == "nothing":
            part = Part(some if condition.operator.key == "not_blank" else f"NOT {some}")
        else:
            per_bill = kind.test(f"{sum_} * {kind.scale}", condition.operator, condition.value, frame)
            times = per_bill.sql
            for name in per_bill.params:
                times = times.replace(f"%({name})s", f"%({name})s * {n}")
            part = Part(f"{some} AND {times}", per_bill.params)
        if whole:
            return Fragment(part.sql, part.params, profile=True)
        bills = narrowed(condition, frame, "t.txn_at")
        join = _BILLS.replace("{measures}", f"count(*) AS n, sum({total})::bigint AS total")
        return Fragment(part.sql, {**part.params, **bills.params}, join.replace("{narrowed}", bills.sql))

    return compile_average


def _profile(column: str) -> Callable[[Condition, Frame], Fragment]:
    def compile_profile(condition: Condition, frame: Frame) -> Fragment:
        part = condition.field.kind.test(f"profile.{column}", condition.operator, condition.value, frame)
        return Fragment(part.sql, part.params, profile=True)

    return compile_profile


def _days_since(column: str) -> Callable[[Condition, Frame], Fragment]:
    """Whole calendar days in Org time between the bill's day and today."""

    def compile_days(condition: Condition, frame: Frame) -> Fragment:
        held = f"(%(today)s::date - (profile.{column} AT TIME ZONE %(zone)s)::date)"
        part = condition.field.kind.test(held, condition.operator, condition.value, frame)
        params: dict[str, Any] = {**part.params, "today": frame.today, "zone": frame.settings.time_zone}
        return Fragment(part.sql, params, profile=True)

    return compile_days


def _amount_of(column: str, direction: str) -> Callable[[Condition, Frame], Fragment]:
    """The amount of the first or last bill; of two in the same instant the lower or higher number decides."""
    join = _ONE_BILL.replace("{column}", column).replace("{direction}", direction).replace("{narrowed}", "")

    def compile_amount(condition: Condition, frame: Frame) -> Fragment:
        held = "{c}.net_after_returns"
        part = condition.field.kind.test(held, condition.operator, condition.value, frame)
        return Fragment(part.sql, part.params, join)

    return compile_amount


def _returned(measure: str) -> Callable[[Condition, Frame], Fragment]:
    def compile_returned(condition: Condition, frame: Frame) -> Fragment:
        part = counted(condition, f"{{c}}.{measure}", frame)
        bills = narrowed(condition, frame, "t.txn_at")
        join = _RETURNS.replace("{narrowed}", bills.sql)
        return Fragment(part.sql, {**part.params, **bills.params}, join)

    return compile_returned


def _first_or_last(key: str, labels: dict[str, Any], direction: str) -> tuple[Field, ...]:
    at, store = f"{key}_bought_at", f"{key}_store_id"
    stores = Choice(sources.STORES, sources.STORE_IDS)
    return (
        Field(f"{key}_at", labels["date"], GROUP, Date("instant"), _profile(at)),
        Field(f"{key}_store", labels["store"], GROUP, stores, _profile(store)),
        Field(f"{key}_amount", labels["amount"], GROUP, Number(money=True), _amount_of(at, direction)),
        Field(f"{key}_days", labels["days"], GROUP, Number(), _days_since(at)),
    )


GROUP: Final = "Purchases"
_FACETS: Final = (*STORES, *BILLS, *PRODUCTS)
_VISITS: Final = "count(DISTINCT (t.txn_at AT TIME ZONE %(zone)s)::date)"
_FIRST: Final = {
    "date": _("First transaction"),
    "store": _("Store of the first transaction"),
    "amount": _("Amount of the first transaction"),
    "days": _("Days since the first transaction"),
}
_LAST: Final = {
    "date": _("Last transaction"),
    "store": _("Store of the last transaction"),
    "amount": _("Amount of the last transaction"),
    "days": _("Days since the last transaction"),
}


def _over_bills(key: str, label: Any, kind: Number | Did, compile_: Any, *, missing: bool = False) -> Field:
    return Field(key, label, GROUP, kind, compile_, facets=_FACETS, dates="LARX", missing=missing)


FIELDS: Final = (
    _over_bills(
        "transacted",
        _("Bought anything"),
        Did(_("did"), _("did not"), _("they bought something"), _("they bought nothing")),
        _did,
    ),
    _over_bills("transactions", _("Number of transactions"), Number(), _measure("transactions", "count(*)")),
    _over_bills("visits", _("Number of visits"), Number(), _measure("", _VISITS)),
    _over_bills(
        "amount",
        _("Total amount"),
        Number(money=True),
        _measure("net_total", "sum(t.net_after_returns)::bigint"),
    ),
    _over_bills(
        "average_bill",
        _("Average bill"),
        Number(money=True),
        _average("t.net_after_returns", "net_total"),
        missing=True,
    ),
    _over_bills(
        "items_per_bill", _("Items per bill"), Number(scale=1000), _average("t.items", ""), missing=True
    ),
    *_first_or_last("first", _FIRST, ""),
    *_first_or_last("last", _LAST, " DESC"),
    Field("returned", _("Number of returns"), GROUP, Number(), _returned("n"), dates="LARX", missing=False),
    Field(
        "returned_amount",
        _("Amount of returns"),
        GROUP,
        Number(money=True),
        _returned("amount"),
        dates="LARX",
        missing=False,
    ),
)
