"""What narrows the transactions that a condition counts: each a boolean over a sale `t`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from audiences.keys import LOOKUP_KEY_SQL
from audiences.segments import sources
from audiences.segments.choices import fixed, free
from audiences.segments.registry import Facet
from audiences.segments.sql import Part
from audiences.segments.values import Choice, Number, Operator

if TYPE_CHECKING:
    from audiences.segments.frame import Frame

Narrow = Callable[[Operator, Any, "Frame"], Part]

# A line counts as far as it was not given back. Only bills that were reduced are looked up, by the number that
# their returns name. What came back of one product of one bill:
_GIVEN_BACK: Final = f"""coalesce((
    SELECT sum(abs(back.{{measure}})) FROM audiences_externalref link
    JOIN audiences_transactionline back
      ON back.org_id = %(org)s AND back.customer_id = link.customer_id AND back.txn_at = link.txn_at
     AND back.txn_id = link.txn_id AND back.product_id = line.product_id
    WHERE link.org_id = %(org)s AND link.kind = 'return'
      AND link.key = {LOOKUP_KEY_SQL.format(kind="'return'", normal="t.external_id")}), 0)"""
RETURNED: Final = f"CASE WHEN t.net_after_returns = t.net THEN 0 ELSE {_GIVEN_BACK} END"

_HAS_PRODUCT: Final = f"""EXISTS (
    SELECT FROM audiences_transactionline line
    WHERE line.org_id = %(org)s AND line.customer_id = t.customer_id AND line.txn_at = t.txn_at
      AND line.txn_id = t.id AND line.quantity > 0 AND line.product_id IN ({{products}})
      AND (t.net_after_returns = t.net OR (
          SELECT sum(same.quantity) FROM audiences_transactionline same
          WHERE same.org_id = %(org)s AND same.customer_id = t.customer_id AND same.txn_at = t.txn_at
            AND same.txn_id = t.id AND same.product_id = line.product_id)
          > {_GIVEN_BACK.replace("{measure}", "quantity")}))"""


def _store(ids: str) -> Narrow:
    def narrow(operator: Operator, value: Any, frame: Frame) -> Part:
        return Choice(sources.STORES, ids).test("t.store_id", operator, value, frame)

    return narrow


def _product(ids: str) -> Narrow:
    """Any of the products stands on the bill; none of them does."""
    exists = _HAS_PRODUCT.replace("{products}", ids)

    def narrow(operator: Operator, value: Any, frame: Frame) -> Part:
        return Part(exists if operator.key == "any_of" else f"NOT {exists}", {"value": value})

    return narrow


def _source(operator: Operator, value: Any, frame: Frame) -> Part:
    sign = "= ANY" if operator.key == "any_of" else "<> ALL"
    return Part(f"lower(t.source) {sign}(%(value)s)", {"value": [word.lower() for word in value]})


def _words(column: str) -> Narrow:
    """A bill may carry several; one that carries none has nothing to compare (A-32)."""
    some = f"EXISTS (SELECT FROM unnest(t.{column}) word WHERE lower(word) = ANY(%(value)s))"

    def narrow(operator: Operator, value: Any, frame: Frame) -> Part:
        params: dict[str, Any] = {"value": [word.lower() for word in value]}
        if operator.key == "any_of":
            return Part(some, params)
        return Part(f"cardinality(t.{column}) > 0 AND NOT {some}", params)

    return narrow


def _weekday(operator: Operator, value: Any, frame: Frame) -> Part:
    sign = "= ANY" if operator.key == "any_of" else "<> ALL"
    return Part(
        f"extract(isodow FROM t.txn_at AT TIME ZONE %(zone)s)::int {sign}(%(value)s)",
        {"value": [int(day) for day in value], "zone": frame.settings.time_zone},
    )


def _hour(operator: Operator, value: Any, frame: Frame) -> Part:
    part = _HOUR.test("extract(hour FROM t.txn_at AT TIME ZONE %(zone)s)::int", operator, value, frame)
    return Part(part.sql, {**part.params, "zone": frame.settings.time_zone})


def _amount(operator: Operator, value: Any, frame: Frame) -> Part:
    return _MONEY.test("t.net_after_returns", operator, value, frame)


_HOUR: Final = Number(highest=23)
_MONEY: Final = Number(money=True)
# ISO weekdays: 1 is Monday.
_WEEKDAYS: Final = fixed("weekday", [(str(day + 1), name) for day, name in WEEKDAYS.items()])

STORES: Final = (
    Facet("store", _("store"), Choice(sources.STORES), _store(sources.STORE_IDS)),
    Facet("zone", _("zone"), Choice(sources.ZONES), _store(sources.STORES_OF_ZONE_IDS)),
    Facet("unit", _("unit"), Choice(sources.UNITS), _store(sources.STORES_OF_UNIT_IDS)),
)
BILLS: Final = (
    Facet("source", _("source"), Choice(free("transaction_source")), _source),
    Facet("payment_mode", _("payment mode"), Choice(free("payment_mode")), _words("payment_modes")),
    Facet("weekday", _("weekday"), Choice(_WEEKDAYS), _weekday),
    Facet("hour", _("hour of the day"), _HOUR, _hour),
    Facet("bill_amount", _("bill amount"), _MONEY, _amount),
    Facet("coupon", _("coupon"), Choice(free("coupon")), _words("coupon_codes")),
)
PRODUCTS: Final = (
    Facet("product", _("product"), Choice(sources.PRODUCTS), _product(sources.PRODUCT_IDS)),
    Facet("category", _("category"), Choice(sources.CATEGORIES), _product(sources.PRODUCTS_OF_CATEGORY_IDS)),
    Facet("brand", _("brand"), Choice(sources.BRANDS), _product(sources.PRODUCTS_OF_BRAND_IDS)),
)
