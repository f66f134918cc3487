"""Counts without a hot row and without counting: differences appended beside the rows they count, folded later.

Everything that appends to the ledger appends to `tally` in the same statement or transaction (freeze, lanes, recovery,
cancelling, receipts), so the sums of M-27 hold at every moment. State 0 is Targeted. Two further kinds of row count
what is no state: Sent rows that a person opened, and clicked (M-14). The reason of a Sent row is its outcome's (H-39).
"""

from __future__ import annotations

import secrets

from django.db import connection

TARGETED = 0
OPENED = 101
CLICKED = 102

_FOLD = """
WITH gone AS (
    DELETE FROM campaigns_tally WHERE org_id = %(org)s AND run_id = %(run)s
    RETURNING slot, channel, variant, arm, state, reason, outcome, n
)
INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
SELECT %(org)s, %(run)s, %(key)s + row_number() OVER (), slot, channel, variant, arm, state, reason, outcome, sum(n)
FROM gone GROUP BY slot, channel, variant, arm, state, reason, outcome HAVING sum(n) <> 0
"""


def fresh_key() -> int:
    """What a statement adds its row numbers to. Random: a sequence would be volatile inside `INSERT … SELECT`."""
    return secrets.randbits(52) << 10


def fold(org_id: int, run_id: int) -> None:
    """Replace a run's differences by their sums. Two folds at once are safe: each sums what it deleted."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, {"org": org_id, "run": run_id, "key": fresh_key()})
