"""The counts of a send: every number of M-09 to M-13 and M-27 is a sum over a run's few rows of `tally`.

Handing over and queued have no rows: they follow from the chunks. No page counts deliveries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from campaigns.dispatch import pace
from campaigns.models import Delivery, Message, Run
from campaigns.tally import CLICKED, OPENED, TARGETED

State = Delivery.State
Outcome = Delivery.Outcome

# `owner` is whatever the counts of a run are added to: the run itself, its message, its day.
_COUNTED = """
SELECT 0, x.owner, t.state, t.reason, t.outcome, sum(t.n)::bigint
FROM unnest(%(runs)s::bigint[], %(owners)s::bigint[]) AS x (run_id, owner)
JOIN campaigns_tally t ON t.org_id = %(org)s AND t.run_id = x.run_id
GROUP BY x.owner, t.state, t.reason, t.outcome
UNION ALL
SELECT 1, x.owner, 0, '', 0, sum(hands.n)::bigint
FROM unnest(%(runs)s::bigint[], %(owners)s::bigint[]) AS x (run_id, owner)
JOIN (
    SELECT run_id, intent_hi - first_seq + 1 - done AS n FROM campaigns_chunk
    WHERE org_id = %(org)s AND run_id = ANY(%(runs)s::bigint[]) AND NOT closed
    UNION ALL
    SELECT run_id, 1 FROM campaigns_retry
    WHERE org_id = %(org)s AND run_id = ANY(%(runs)s::bigint[]) AND announced
) AS hands ON hands.run_id = x.run_id
GROUP BY x.owner
"""


@dataclass
class Progress:
    """The rows of one or several runs by state (M-09, M-10). `reasons`: state → reason → rows (M-27, 5).

    `opened` and `clicked` are Sent rows that a person opened or clicked (M-14). The reasons of `sent` are those of its
    outcomes (H-39).
    """

    targeted: int = 0
    handing_over: int = 0
    sent: int = 0
    failed: int = 0
    unconfirmed: int = 0
    skipped: int = 0
    held_out: int = 0
    cancelled: int = 0
    delivered: int = 0
    not_delivered: int = 0
    in_flight: int = 0
    no_report: int = 0
    opened: int = 0
    clicked: int = 0
    reasons: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    per_second: float | None = None

    @property
    def ledger(self) -> int:
        """Rows that left the queue."""
        return self.sent + self.failed + self.unconfirmed + self.skipped + self.held_out + self.cancelled

    @property
    def queued(self) -> int:
        return self.targeted - self.ledger - self.handing_over

    @property
    def percent(self) -> Decimal:
        """M-13: nothing targeted is 100."""
        if not self.targeted:
            return Decimal(100)
        return Decimal(100 * self.ledger) / self.targeted

    @property
    def delivery_share(self) -> Decimal | None:
        """M-11 as a share; None where no outcome is reported."""
        told = self.sent - self.no_report
        return Decimal(self.delivered) / told if told else None

    @property
    def per_minute(self) -> float | None:
        return 60 * self.per_second if self.per_second is not None else None

    @property
    def minutes_left(self) -> int | None:
        """Whole minutes, at least one while anything is left (C-47)."""
        left = self.seconds_left
        return None if left is None else max(1, round(left / 60)) if left else 0

    @property
    def seconds_left(self) -> float | None:
        """At the present pace; None while nothing is known or nothing moves."""
        waiting = self.queued + self.handing_over
        if not waiting:
            return 0.0
        return waiting / self.per_second if self.per_second else None

    @property
    def adds_up(self) -> bool:
        """M-27, lines 1, 2, 3 and 5. Queued is what remains, so it may not be less than nothing."""
        outcomes = self.delivered + self.not_delivered + self.in_flight + self.no_report
        by_reason = {state: sum(reasons.values()) for state, reasons in self.reasons.items()}
        return (
            self.queued >= 0
            and self.handing_over >= 0
            and self.sent == outcomes
            and self.clicked <= self.opened <= self.delivered
            and all(
                by_reason.get(name, 0) == getattr(self, name) for name in ("skipped", "failed", "cancelled")
            )
        )

    def __add__(self, other: Progress) -> Progress:
        total = Progress(**{name: getattr(self, name) + getattr(other, name) for name in _COUNTS})
        for one in (self, other):
            for state, reasons in one.reasons.items():
                for reason, n in reasons.items():
                    total.reasons[state][reason] = total.reasons[state].get(reason, 0) + n
        paces = [one.per_second for one in (self, other) if one.per_second is not None]
        total.per_second = sum(paces) if paces else None
        return total


_COUNTS = (
    "targeted", "handing_over", "sent", "failed", "unconfirmed", "skipped", "held_out", "cancelled", "delivered",
    "not_delivered", "in_flight", "no_report", "opened", "clicked",
)  # fmt: skip
_STATES = {int(state): state.name.lower() for state in State} | {OPENED: "opened", CLICKED: "clicked"}
_OUTCOMES = {int(outcome): outcome.name.lower() for outcome in Outcome}


def of_run(run: Run) -> Progress:
    """With the pace, while it is Sending."""
    progress = of_runs(run.org_id, [run.pk])[run.pk]
    if run.status == Run.Status.SENDING:
        progress.per_second = pace.per_second(run.org_id, run.pk)
    return progress


def of_message(message: Message) -> Progress:
    """All runs of a message together; its open run's pace."""
    runs = Run.objects.for_org(message.org_id).filter(message=message)
    return sum((of_run(run) for run in runs), Progress())


def of_campaigns(org_id: int, campaign_ids: Iterable[int]) -> dict[int, Progress]:
    """Each campaign's runs together, in two queries whatever their number."""
    ids = list(campaign_ids)
    runs = dict(Run.objects.for_org(org_id).filter(campaign_id__in=ids).values_list("pk", "campaign_id"))
    return {pk: Progress() for pk in ids} | grouped(org_id, runs)


def of_messages(org_id: int, message_ids: Iterable[int]) -> dict[int, Progress]:
    """Each message's runs together, in two queries whatever their number."""
    ids = list(message_ids)
    runs = dict(Run.objects.for_org(org_id).filter(message_id__in=ids).values_list("pk", "message_id"))
    return {pk: Progress() for pk in ids} | grouped(org_id, runs)


def of_runs(org_id: int, run_ids: Iterable[int]) -> dict[int, Progress]:
    """The counts of each of these runs."""
    return grouped(org_id, {run_id: run_id for run_id in run_ids})


def grouped(org_id: int, owner_of: Mapping[int, int]) -> dict[int, Progress]:
    """The counts of runs, added up by the owner that each is given, in one snapshot: they add up at any moment (Q-02).

    The database adds, so what comes back grows with the owners and not with the runs.
    """
    params: dict[str, Any] = {"org": org_id, "runs": list(owner_of), "owners": list(owner_of.values())}
    found = {owner: Progress() for owner in owner_of.values()}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, params)
        for source, owner, state, reason, outcome, n in cursor.fetchall():
            progress = found[owner]
            if source == 1:
                progress.handing_over += n
            elif state == TARGETED:
                progress.targeted += n
            else:
                _count(progress, _STATES[state], reason, outcome, n)
    return found


def _count(progress: Progress, state: str, reason: str, outcome: int, n: int) -> None:
    setattr(progress, state, getattr(progress, state) + n)
    if outcome:
        name = _OUTCOMES[outcome]
        setattr(progress, name, getattr(progress, name) + n)
    if reason:
        progress.reasons[state][reason] = progress.reasons[state].get(reason, 0) + n
