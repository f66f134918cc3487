"""The conditions of a goal (G-09 to G-14): fields, operators, and how they become SQL over a transaction `x`.

Stored form: a list of groups joined by OR; a group is a list of conditions joined by AND; a condition is
`{"field", "op", "value", "exclude"?, "key"?}`. Money is in minor units; `key` names a custom field. Logic has two
values: a missing field makes a condition false, and exclude turns the result round (G-13). A field with many values
meets a condition if any value does; a negative operator needs at least one value and none equal (G-12).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

MAX_GROUPS, MAX_CONDITIONS, MAX_LIST = 10, 50, 2000


class BadCondition(ValueError):
    """The condition cannot be used; the text says which and why, fit for the user."""


@dataclass(frozen=True)
class Operator:
    """`sql` is a predicate over `{v}` and the parameters `{p}`, `{p}_high`; a negative one is asked turned round."""

    key: str
    label: str
    sql: str
    takes: str = "one"
    negative: bool = False


_EQUAL, _IN = "{v} = %({p})s", "{v} = ANY(%({p})s)"
NUMBER: Final = (
    Operator("gt", "is above", "{v} > %({p})s"),
    Operator("gte", "is at least", "{v} >= %({p})s"),
    Operator("eq", "is", _EQUAL),
    Operator("ne", "is not", _EQUAL, negative=True),
    Operator("lt", "is below", "{v} < %({p})s"),
    Operator("lte", "is at most", "{v} <= %({p})s"),
    Operator("range", "is between", "{v} BETWEEN %({p})s AND %({p}_high)s", takes="range"),
)
CHOICE: Final = (
    Operator("is", "is", _EQUAL),
    Operator("is_not", "is not", _EQUAL, negative=True),
    Operator("in", "is any of", _IN, takes="list"),
    Operator("not_in", "is none of", _IN, takes="list", negative=True),
)
TEXT: Final = (
    *CHOICE,
    Operator("contains", "contains", "position(%({p})s in {v}) > 0"),
    Operator("starts", "starts with", "starts_with({v}, %({p})s)"),
    Operator("ends", "ends with", "right({v}, length(%({p})s)) = %({p})s"),
)
YES_NO: Final = (Operator("is", "is", _EQUAL),)
DATE: Final = (
    Operator("before", "is before", "{v} < %({p})s"),
    Operator("after", "is after", "{v} > %({p})s"),
    Operator("range", "is between", "{v} BETWEEN %({p})s AND %({p}_high)s", takes="range"),
)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadCondition("needs a number")
    return int(value)


def _text(value: Any) -> str:
    text = str(value).strip().lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text or len(text) > 200 or "\x00" in text:
        raise BadCondition("needs a text of up to 200 characters")
    return text


def _exact(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or "\x00" in value:
        raise BadCondition("needs a value")
    return value.strip()


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadCondition("needs yes or no")
    return value


def _day(value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise BadCondition("needs a day, as 2026-11-24") from None


def _weekday(value: Any) -> int:
    number = _whole(value)
    if not 1 <= number <= 7:
        raise BadCondition("needs a weekday from 1 (Monday) to 7 (Sunday)")
    return number


@dataclass(frozen=True)
class Field:
    """What can be asked of a transaction.

    `expression` is its value, NULL where missing; or `source` lists its values as `SELECT … AS v`.
    """

    key: str
    label: str
    operators: tuple[Operator, ...]
    clean: Callable[[Any], Any]
    expression: str = ""
    source: str = ""
    kind: str = "text"
    keyed: bool = False

    def operator(self, key: str) -> Operator:
        found = next((operator for operator in self.operators if operator.key == key), None)
        if found is None:
            raise BadCondition(f"“{self.label}” has no operator “{key}”")
        return found


# Fenced, and bounded by what the planner knows: else it may read every line there is, to join them.
_LINES = """SELECT {value} AS v FROM audiences_transactionline l
 JOIN audiences_product p ON p.org_id = %(org)s AND p.id = l.product_id {more}
 WHERE l.org_id = %(org)s AND l.customer_id = x.customer_id AND l.txn_at = x.txn_at AND l.txn_id = x.id
   AND l.txn_at >= %(lo)s AND l.txn_at <= %(hi)s
 OFFSET 0"""
_ABOVE = """JOIN audiences_category c ON c.org_id = %(org)s AND c.id = p.category_id
 JOIN audiences_category top ON top.org_id = %(org)s AND starts_with(c.path, top.path)"""
_ZONES = """SELECT top.code AS v FROM audiences_store s
 JOIN audiences_zone z ON z.org_id = %(org)s AND z.id = s.zone_id
 JOIN audiences_zone top ON top.org_id = %(org)s AND starts_with(z.path, top.path)
 WHERE s.org_id = %(org)s AND s.id = x.store_id"""
_STORE = "(SELECT s.code FROM audiences_store s WHERE s.org_id = %(org)s AND s.id = x.store_id)"
_UNIT = """(SELECT u.code FROM audiences_store s JOIN orgs_orgunit u ON u.org_id = %(org)s AND u.id = s.unit_id
 WHERE s.org_id = %(org)s AND s.id = x.store_id)"""
_CUSTOM = "x.custom -> %({p}_key)s"

FIELDS: Final = {
    field.key: field
    for field in (
        Field("net", "Net amount", NUMBER, _whole, "x.net_after_returns", kind="money"),
        Field("gross", "Gross amount", NUMBER, _whole, "x.gross", kind="money"),
        Field("discount", "Discount", NUMBER, _whole, "x.discount", kind="money"),
        Field("items", "Item count", NUMBER, _whole, "x.items", kind="number"),
        Field("store", "Store", CHOICE, _exact, _STORE, kind="store"),
        Field("zone", "Zone", CHOICE, _exact, source=_ZONES, kind="zone"),
        Field("unit", "Unit", CHOICE, _exact, _UNIT, kind="unit"),
        Field("source", "Source", CHOICE, _text, "lower(btrim(x.source))"),
        Field(
            "payment_mode", "Payment mode", CHOICE, _text,
            source="SELECT lower(btrim(m)) AS v FROM unnest(x.payment_modes) m",
        ),
        Field(
            "category", "Category", CHOICE, _exact,
            source=_LINES.format(value="top.code", more=_ABOVE), kind="category",
        ),
        Field("brand", "Brand", CHOICE, _text, source=_LINES.format(value="lower(btrim(p.brand))", more="")),
        Field("item", "Item", CHOICE, _exact, source=_LINES.format(value="p.code", more=""), kind="item"),
        Field(
            "weekday", "Weekday", CHOICE, _weekday,
            "extract(isodow FROM x.txn_at AT TIME ZONE %(zone)s)::int", kind="weekday",
        ),
        Field(
            "coupon_code", "Coupon code", TEXT, _text,
            source="SELECT lower(btrim(c)) AS v FROM unnest(x.coupon_codes) c",
        ),
        Field("store_code", "Store code", TEXT, _text, f"lower({_STORE})"),
        Field("item_code", "Item code", TEXT, _text, source=_LINES.format(value="lower(p.code)", more="")),
        Field("coupon_used", "Coupon used", YES_NO, _flag, "cardinality(x.coupon_codes) > 0", kind="yes_no"),
        Field(
            "custom_text", "Custom text", TEXT, _text, "lower(btrim(x.custom ->> %({p}_key)s))", keyed=True
        ),
        Field(
            "custom_number", "Custom number", NUMBER, _whole,
            f"CASE WHEN jsonb_typeof({_CUSTOM}) = 'number' THEN (x.custom ->> %({{p}}_key)s)::numeric END",
            kind="number", keyed=True,
        ),
        Field(
            "custom_date", "Custom date", DATE, _day,
            "substring(x.custom ->> %({p}_key)s from '^\\d{{4}}-\\d{{2}}-\\d{{2}}')", kind="day", keyed=True,
        ),
        Field(
            "custom_flag", "Custom yes/no", YES_NO, _flag,
            f"CASE WHEN jsonb_typeof({_CUSTOM}) = 'boolean' THEN (x.custom ->> %({{p}}_key)s)::boolean END",
            kind="yes_no", keyed=True,
        ),
    )
}  # fmt: skip

Groups = list[list[dict[str, Any]]]


def clean(groups: Any) -> Groups:
    """Validated groups in their stored form. Raises `BadCondition` naming group and condition."""
    if not isinstance(groups, list) or len(groups) > MAX_GROUPS:
        raise BadCondition(f"A goal has at most {MAX_GROUPS} groups of conditions.")
    if sum(len(group) for group in groups if isinstance(group, list)) > MAX_CONDITIONS:
        raise BadCondition(f"A goal has at most {MAX_CONDITIONS} conditions.")
    cleaned: Groups = []
    for number, group in enumerate(groups, 1):
        if not isinstance(group, list) or not group:
            raise BadCondition(f"Group {number} needs at least one complete condition.")
        row = []
        for place, condition in enumerate(group, 1):
            try:
                row.append(_clean_condition(condition))
            except BadCondition as bad:
                raise BadCondition(f"Group {number}, condition {place}: {bad}.") from None
        cleaned.append(row)
    return cleaned


def _clean_condition(condition: Any) -> dict[str, Any]:
    if not isinstance(condition, dict) or condition.get("field") not in FIELDS:
        raise BadCondition("choose a field")
    field = FIELDS[condition["field"]]
    operator = field.operator(str(condition.get("op", "")))
    value = _clean_value(field, operator, condition.get("value"))
    cleaned = {"field": field.key, "op": operator.key, "value": value}
    if condition.get("exclude"):
        cleaned["exclude"] = True
    if field.keyed:
        cleaned["key"] = _exact(condition.get("key"))
    return cleaned


def _clean_value(field: Field, operator: Operator, value: Any) -> Any:
    if operator.takes == "list":
        if not isinstance(value, list) or not value or len(value) > MAX_LIST:
            raise BadCondition(f"choose 1 to {MAX_LIST} values")
        return sorted({field.clean(one) for one in value})
    if operator.takes == "range":
        if not isinstance(value, list) or len(value) != 2:
            raise BadCondition("needs a lower and an upper value")
        low, high = field.clean(value[0]), field.clean(value[1])
        if low > high:
            raise BadCondition("the lower value is above the upper one")
        return [low, high]
    return field.clean(value)


@dataclass(frozen=True)
class Predicate:
    """A boolean over a transaction `x`.

    Needs the parameters `org`, `zone`, and `lo` and `hi`, between which `x.txn_at` lies, besides its own.
    """

    sql: str
    params: dict[str, Any]


def compile_groups(groups: Groups, prefix: str) -> Predicate:
    """Cleaned groups as SQL; `prefix` keeps the parameters of several goals apart. No groups is any sale (G-09)."""
    params: dict[str, Any] = {}
    alternatives = []
    for group in groups:
        terms = []
        for condition in group:
            name = f"{prefix}_{len(params)}"
            terms.append(_term(condition, name, params))
        alternatives.append(f"({' AND '.join(terms)})")
    return Predicate(" OR ".join(alternatives) or "TRUE", params)


def _term(condition: dict[str, Any], name: str, params: dict[str, Any]) -> str:
    field = FIELDS[condition["field"]]
    operator = field.operator(condition["op"])
    params[name] = condition["value"]
    if operator.takes == "range":
        params[name], params[f"{name}_high"] = condition["value"]
    if field.keyed:
        params[f"{name}_key"] = condition["key"]
    if field.source:
        test = f"EXISTS (SELECT FROM ({field.source}) s WHERE {operator.sql.format(v='s.v', p=name)})"
        if operator.negative:
            test = f"(EXISTS ({field.source}) AND NOT {test})"
    else:
        value = f"({field.expression.format(p=name)})" if field.keyed else f"({field.expression})"
        test = operator.sql.format(v=value, p=name)
        test = f"coalesce({f'NOT ({test})' if operator.negative else test}, FALSE)"
    return f"NOT {test}" if condition.get("exclude") else test
