"""The SQL of attribution, read once from `conversions/sql`.

Where a statement reads a table that is partitioned by month, its bounds are parameters, so that the planner leaves the
other months out; rows of one customer are fetched by a fenced `LATERAL`, whatever it believes of new rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER = Path(__file__).parent / "sql"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


# People of given (customer, campaign), each read on the run days of its campaign; or of whole customers.
_PEOPLE = _read("people")
PEOPLE_OF_PAIRS: Final = _PEOPLE.replace("{{deliveries}}", _read("deliveries_of_pairs").rstrip())
PEOPLE_OF_CUSTOMERS: Final = _PEOPLE.replace(
    "{{deliveries}}",
    "(SELECT * FROM campaigns_delivery WHERE org_id = %(org)s AND customer_id = ANY(%(customers)s::bigint[]))",
)

_DIRTY = _read("dirty")
ATTRIBUTION: Final = _read("attribution").replace("{{dirty}}", _DIRTY)
RESPONSE: Final = _read("response").replace("{{dirty}}", _DIRTY)
ATTRIBUTIONS_GONE: Final = _read("gone").replace("{{table}}", "conversions_attribution")
RESPONSES_GONE: Final = _read("gone").replace("{{table}}", "conversions_response")
LATEST: Final = _read("latest")
REDERIVE: Final = _read("rederive")

# One branch a distinct question: the number is ours, the predicate compiled from the validated tree.
QUESTION: Final = "SELECT x.* FROM candidate x WHERE x.question = {number} AND ({predicate})"

_SUMS = _read("sums")
SUMS: Final = _SUMS.replace("{{people}}", "conversions_campaigncustomer WHERE org_id = %(org)s")
SUMS_OF_CUSTOMERS: Final = _SUMS.replace(
    "{{people}}",
    "conversions_campaigncustomer WHERE org_id = %(org)s AND customer_id = ANY(%(customers)s::bigint[])",
)
SUMS_OF_PAIRS: Final = _SUMS.replace(
    "{{people}}",
    """(
    SELECT p.* FROM unnest(%(customers)s::bigint[], %(campaigns)s::bigint[]) AS x (customer_id, campaign_id)
    CROSS JOIN LATERAL (
        SELECT * FROM conversions_campaigncustomer p
        WHERE p.org_id = %(org)s AND p.customer_id = x.customer_id AND p.campaign_id = x.campaign_id
        OFFSET 0
    ) p
) AS people""",
)

# What changed: pairs of deliveries, and where in time the bills lie that changed or that left derived rows behind.
CHANGED_PAIRS: Final = """
SELECT DISTINCT customer_id, campaign_id FROM campaigns_delivery
WHERE org_id = %(org)s AND anchors_changed_at >= %(since)s AND anchors_changed_at < %(until)s
ORDER BY customer_id, campaign_id
"""
CHANGED_BILLS: Final = _read("changed_bills")
BILLS_SINCE: Final = _read("bills_since")
# The customers of a month of an org, in order: whoever bought in it or has derived rows in it.
CUSTOMERS_OF_MONTH: Final = _read("customers_of_month")
