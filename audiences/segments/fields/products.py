"""What a customer bought, by product: how often, how much of it, for how much (A-29), after returns (A-35)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from audiences.segments import sources
from audiences.segments.fields.facets import RETURNED
from audiences.segments.fields.purchases import SALES, counted
from audiences.segments.narrowing import narrowed
from audiences.segments.registry import Facet, Field
from audiences.segments.sql import Fragment, Part
from audiences.segments.values import Choice, Did, Number, Operator

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition

_LINES: Final = """FROM audiences_transaction t
    JOIN audiences_transactionline line
      ON line.org_id = %(org)s AND line.customer_id = t.customer_id AND line.txn_at = t.txn_at AND line.txn_id = t.id"""
# Grouped by the bill's whole key: then its other columns follow from it, and the sort does not carry them.
_LEFT: Final = f"""SELECT bought.customer_id, {{measure}} AS measure
FROM (
    SELECT t.customer_id, t.id AS bill, line.product_id,
           sum(line.quantity) - {RETURNED.replace("{measure}", "quantity")} AS quantity,
           sum(line.amount) - {RETURNED.replace("{measure}", "amount")} AS amount
    {_LINES}
    WHERE {SALES}{{bills}}
    GROUP BY t.org_id, t.customer_id, t.txn_at, t.id, line.product_id
) bought
WHERE bought.quantity > 0
GROUP BY bought.customer_id"""
# Whether anything was bought at all: a bill of which nothing came back needs no sum, and nearly all are such bills.
_SOME: Final = f"""SELECT t.customer_id, true AS measure
    {_LINES}
    WHERE {SALES} AND t.net_after_returns >= t.net AND line.quantity > 0
    GROUP BY t.customer_id
UNION
{_LEFT.replace("{measure}", "true").replace("{bills}", " AND t.net_after_returns < t.net")}"""


def _lines(ids: str) -> Callable[[Operator, Any, Frame], Part]:
    def narrow(operator: Operator, value: Any, frame: Frame) -> Part:
        return Choice(sources.PRODUCTS, ids).test("line.product_id", operator, value, frame)

    return narrow


def _bought(measure: str) -> Callable[[Condition, Frame], Fragment]:
    def compile_bought(condition: Condition, frame: Frame) -> Fragment:
        if isinstance(condition.field.kind, Did):
            part = condition.field.kind.test("{c}.customer_id", condition.operator, None, frame)
        else:
            part = counted(condition, "{c}.measure", frame)
        lines = narrowed(condition, frame, "t.txn_at", "line.txn_at")
        whole = _SOME if measure == "true" else _LEFT.replace("{measure}", measure).replace("{bills}", "")
        join = whole.replace("{narrowed}", lines.sql)
        return Fragment(part.sql, {**part.params, **lines.params}, join)

    return compile_bought


_FACETS: Final = (
    Facet("product", _("product"), Choice(sources.PRODUCTS), _lines(sources.PRODUCT_IDS)),
    Facet("category", _("category"), Choice(sources.CATEGORIES), _lines(sources.PRODUCTS_OF_CATEGORY_IDS)),
    Facet("brand", _("brand"), Choice(sources.BRANDS), _lines(sources.PRODUCTS_OF_BRAND_IDS)),
)


def _field(key: str, label: Any, kind: Number | Did, measure: str) -> Field:
    return Field(key, label, "Products", kind, _bought(measure), facets=_FACETS, dates="LARX", missing=False)


FIELDS: Final = (
    _field(
        "bought",
        _("Bought product"),
        Did(_("did"), _("did not"), _("they bought a product"), _("they did not buy a product")),
        "true",
    ),
    _field("bought_times", _("Times bought"), Number(), "count(DISTINCT bought.bill)"),
    _field("bought_quantity", _("Quantity bought"), Number(scale=1000), "sum(bought.quantity)::bigint"),
    _field("bought_amount", _("Amount bought"), Number(money=True), "sum(bought.amount)::bigint"),
)
