"""The SQL of attribution, read once from `conversions/sql`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER = Path(__file__).parent / "sql"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


_DIRTY = _read("dirty")
PEOPLE: Final = _read("campaign_customer")
ATTRIBUTION: Final = _read("attribution").replace("{{dirty}}", _DIRTY)
RESPONSE: Final = _read("response").replace("{{dirty}}", _DIRTY)
LATEST: Final = _read("latest")
# Table by table: what the dirty bills of a slice have no more.
REMOVALS: Final = {
    table: (
        _read("gone").replace("{{dirty}}", _DIRTY).replace("{{table}}", table),
        _read("orphaned").replace("{{table}}", table),
    )
    for table in ("conversions_attribution", "conversions_response")
}
REDERIVE: Final = _read("rederive")
SUMS: Final = _read("sums")

# One branch a distinct question: the number is ours, the predicate compiled from the validated tree.
QUESTION: Final = "SELECT x.* FROM candidate x WHERE x.question = {number} AND ({predicate})"

CHANGED_CUSTOMERS: Final = """
SELECT customer_id FROM audiences_transaction
WHERE org_id = %(org)s AND changed_at >= %(since)s AND changed_at < %(until)s
UNION
SELECT customer_id FROM campaigns_delivery
WHERE org_id = %(org)s AND anchors_changed_at >= %(since)s AND anchors_changed_at < %(until)s
UNION
-- A bill that moved to another customer leaves its old rows behind.
SELECT a.customer_id FROM audiences_transaction t
JOIN conversions_attribution a ON a.org_id = %(org)s AND a.txn_id = t.id
WHERE t.org_id = %(org)s AND t.changed_at >= %(since)s AND t.changed_at < %(until)s
  AND (a.customer_id, a.txn_at) <> (t.customer_id, t.txn_at)
UNION
SELECT a.customer_id FROM audiences_transaction t
JOIN conversions_response a ON a.org_id = %(org)s AND a.txn_id = t.id
WHERE t.org_id = %(org)s AND t.changed_at >= %(since)s AND t.changed_at < %(until)s
  AND (a.customer_id, a.txn_at) <> (t.customer_id, t.txn_at)
ORDER BY 1
"""
