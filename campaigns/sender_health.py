"""How each sender does (H-31): what it sent, how much of it arrived, what waits, how fast it goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Max

from campaigns import wording
from campaigns.models import ReceiptDay
from campaigns.operations import OpenRun
from campaigns.progress import Progress
from channels.models import Sender
from engage.orgs.models import Org

RECENT: Final = timedelta(days=30)

_SENT: Final = """
SELECT m.sender_id, r.run_on >= %(since)s AS recent, t.outcome, sum(t.n)::bigint
FROM campaigns_tally t
JOIN campaigns_run r ON r.org_id = %(org)s AND r.id = t.run_id
JOIN campaigns_message m ON m.org_id = %(org)s AND m.id = r.message_id
WHERE t.org_id = %(org)s AND t.state = 1 AND m.sender_id = ANY(%(senders)s::bigint[])
GROUP BY m.sender_id, recent, t.outcome
"""
_OUTCOMES: Final = {1: "in_flight", 2: "delivered", 3: "not_delivered", 4: "no_report"}


@dataclass
class Health:
    """One sender's numbers. `ever` counts rows Sent; `recent` holds those of the last 30 days by outcome."""

    sender: Sender
    ever: int = 0
    recent: Progress = field(default_factory=Progress)
    queue: int = 0
    per_second: float = 0.0
    last_report_at: datetime | None = None

    @property
    def rate(self) -> Decimal | None:
        """M-11, in percent."""
        share = self.recent.delivery_share
        return None if share is None else 100 * share

    @property
    def band(self) -> tuple[str, str]:
        """M-12: word and tone."""
        return wording.band(self.recent.delivery_share)


def of_senders(
    org: Org, senders: Sequence[Sender], open_runs: Iterable[OpenRun], *, today: date
) -> list[Health]:
    """The health of these senders, in two queries besides the open runs that the caller has read."""
    found = {sender.pk: Health(sender) for sender in senders}
    params: dict[str, Any] = {"org": org.pk, "senders": list(found), "since": today - RECENT}
    with connection.cursor() as cursor:
        cursor.execute(_SENT, params)
        for sender_id, recent, outcome, n in cursor.fetchall():
            health = found[sender_id]
            health.ever += n
            if recent:
                health.recent.sent += n
                name = _OUTCOMES[outcome]
                setattr(health.recent, name, getattr(health.recent, name) + n)
    _add_queues(found, open_runs)
    days = ReceiptDay.objects.for_org(org).filter(sender_id__in=found).values("sender_id")
    last = dict(days.annotate(last=Max("last_at")).values_list("sender_id", "last"))
    for sender_id, health in found.items():
        health.last_report_at = last.get(sender_id)
    return list(found.values())


def _add_queues(found: dict[int, Health], open_runs: Iterable[OpenRun]) -> None:
    for row in open_runs:
        sender_id = row.run.message.sender_id
        if sender_id in found:
            found[sender_id].queue += row.counts.queued
            found[sender_id].per_second += row.counts.per_second or 0.0
