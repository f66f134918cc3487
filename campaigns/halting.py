"""Whether a pause or stop has its answer: no lane can begin another hand-over (C-44, Q-04).

The state changes at once. A lane that looks up gives back what it had not begun and promises to begin nothing
(`draining`); one that cannot look up any more loses its lease. Until one or the other is true of every lane, the page
says "stopping".
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from campaigns.models import Run

_ANSWER = """
SELECT EXISTS (SELECT FROM campaigns_chunk WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed
                 AND lease_until > now() AND NOT draining)
    OR EXISTS (SELECT FROM campaigns_retry WHERE org_id = %(org)s AND run_id = %(run)s AND announced
                 AND lease_until > now() AND NOT draining),
       (SELECT coalesce(sum(intent_hi - first_seq + 1 - done), 0) FROM campaigns_chunk
        WHERE org_id = %(org)s AND run_id = %(run)s AND NOT closed)
     + (SELECT count(*) FROM campaigns_retry WHERE org_id = %(org)s AND run_id = %(run)s AND announced)
"""


@dataclass(frozen=True)
class Answer:
    """`settled`: nothing new can start any more. `in_flight`: hand-overs whose outcome is not known yet."""

    in_flight: int
    settled: bool


def answer(run: Run) -> Answer:
    """What can be said now of a run that was paused or stopped."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, {"org": run.org_id, "run": run.pk})
        may_begin, in_flight = cursor.fetchone()
    return Answer(int(in_flight), not may_begin)
