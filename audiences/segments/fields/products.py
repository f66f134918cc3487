"""What a customer bought, by product: how often, how much of it, for how much (A-29), after returns (A-35)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from audiences.segments import sources
from audiences.segments.fields.facets import RETURNED
from audiences.segments.fields.purchases import SALES, counted
from audiences.segments.narrowing import narrowed, window
from audiences.segments.registry import Facet, Field
from audiences.segments.sql import Fragment, Part
from audiences.segments.values import Choice, Did, Number, Operator

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition

# Nearly all bills are plain sales, of which nothing came back: their lines are read by themselves, without those of the
# few others. (Joined with their bills the planner takes a million lines for one, because the parts of the key look
# independent to it, and sorts them.) Of a reduced bill each product is looked up by what its returns name.
_PLAIN: Final = """audiences_transactionline line
    WHERE line.org_id = %(org)s{only line.customer_id}{lines} AND NOT EXISTS (
        SELECT FROM audiences_transaction other
        WHERE other.org_id = %(org)s AND other.customer_id = line.customer_id AND other.txn_at = line.txn_at
          AND other.id = line.txn_id{only other.customer_id}{others}
          AND (other.kind <> 'sale' OR other.fully_returned OR other.net_after_returns < other.net))"""
_REDUCED: Final = f"""SELECT t.customer_id, t.id AS bill,
           sum(line.quantity) - {RETURNED.replace("{measure}", "quantity")} AS quantity,
           sum(line.amount) - {RETURNED.replace("{measure}", "amount")} AS amount
    FROM audiences_transaction t
    JOIN audiences_transactionline line
      ON line.org_id = %(org)s AND line.customer_id = t.customer_id AND line.txn_at = t.txn_at AND line.txn_id = t.id
    WHERE {SALES} AND t.net_after_returns < t.net
    GROUP BY t.customer_id, t.txn_at, t.id, t.external_id, t.net, t.net_after_returns, line.product_id"""
_LEFT: Final = f"""SELECT bought.customer_id, {{measure}} AS measure
FROM (
    SELECT line.customer_id, line.txn_id AS bill, sum(line.quantity) AS quantity, sum(line.amount) AS amount
    FROM {_PLAIN}
    GROUP BY line.customer_id, line.txn_at, line.txn_id, line.product_id
    UNION ALL
    {_REDUCED}
) bought
WHERE bought.quantity > 0
GROUP BY bought.customer_id"""
# Whether anything was bought at all needs no sum of a plain sale.
_SOME: Final = f"""SELECT line.customer_id, true AS measure
    FROM {_PLAIN} AND line.quantity > 0
    GROUP BY line.customer_id
UNION
SELECT reduced.customer_id, true FROM (
    {_REDUCED}
) reduced WHERE reduced.quantity > 0"""


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
        both = narrowed(condition, frame, "t.txn_at", "line.txn_at")
        others = window(condition, frame, "other.txn_at")
        join = _SOME if measure == "true" else _LEFT.replace("{measure}", measure)
        join = (
            join.replace("{narrowed}", both.sql)
            .replace("{lines}", narrowed(condition, frame, "line.txn_at").sql)
            .replace("{others}", f" AND ({others.sql})" if others else "")
        )
        return Fragment(part.sql, {**part.params, **both.params}, join)

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
