"""How many left through deliveries: distinct customers and channels, by link, reply or complaint (M-13)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import connection

# Few events of many, found by an index of their own; a later opt-in does not take one back.
_COUNT: Final = """
SELECT count(DISTINCT (e.customer_id, m.channel))
FROM campaigns_deliveryevent e
JOIN campaigns_run r ON r.org_id = %(org)s AND r.id = e.run_id
JOIN campaigns_message m ON m.org_id = %(org)s AND m.id = r.message_id
WHERE e.org_id = %(org)s AND e.run_id = ANY(%(runs)s::bigint[]) AND e.kind IN ('unsubscribed', 'complained')
"""


def count(org_id: int, run_ids: Iterable[int]) -> int:
    """Unsubscribed of these runs together. Call inside the org's context."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"org": org_id, "runs": list(run_ids)})
        return int(cursor.fetchone()[0])
