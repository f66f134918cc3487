"""From an adapter's answer to what the ledger says: Sent, Failed, Unconfirmed, or queued again (H-33, H-34)."""

from __future__ import annotations

from collections import deque

from django.conf import settings

from campaigns.dispatch.claims import Again
from campaigns.dispatch.feed import Row
from campaigns.dispatch.ledger import Entry, State
from campaigns.dispatch.work import Work
from channels.protocol import Outcome, Reason, Result

MOST_TRIES = 5
RETRIES_EXHAUSTED = "retries_exhausted"
_STATES = {
    Outcome.ACCEPTED: State.SENT,
    Outcome.REFUSED: State.FAILED,
    Outcome.UNKNOWN: State.UNCONFIRMED,
}


def settle(work: Work, row: Row, result: Result, *, ms: int, segments: int = 0) -> Entry | Again:
    """What becomes of a row after this answer."""
    tries = row.attempt + 1
    if result.outcome is Outcome.LATER:
        reason = str(result.reason or Reason.BUSY)
        if result.connection_fault:
            return Again(row.seq, row.attempt, result.retry_after or 0.0, reason)
        if tries < MOST_TRIES:
            return Again(row.seq, tries, max(result.retry_after or 0.0, gap(tries)), reason)
        return Entry(row.seq, State.FAILED, RETRIES_EXHAUSTED, ms, tries)
    state = _STATES[result.outcome]
    if state == State.SENT:
        return Entry(row.seq, state, "", ms, tries, work.first_outcome, result.provider_id[:120], segments)
    reason = str(
        result.reason or (Reason.NO_ANSWER if state == State.UNCONFIRMED else Reason.CONTENT_REJECTED)
    )
    return Entry(row.seq, state, reason, ms, tries, 0, result.provider_id[:120], segments)


def gap(tries: int) -> float:
    """Seconds before the next try after so many: growing gaps."""
    gaps = settings.SEND_RETRY_SECONDS
    return float(gaps[min(tries, len(gaps)) - 1])


class FailureRate:
    """The guard of C-39: over 20 % of the last 200 hand-overs refused."""

    def __init__(self, earlier: list[bool]) -> None:
        """`earlier`: whether each of the last hand-overs before this lane was refused, oldest first."""
        self._last = deque(earlier, maxlen=200)
        self._refused = sum(self._last)

    def note(self, *, refused: bool) -> None:
        if len(self._last) == self._last.maxlen:
            self._refused -= self._last[0]
        self._last.append(refused)
        self._refused += refused

    @property
    def tripped(self) -> bool:
        """More than 40: true of fewer than 200 hand-overs too, when that many were refused already."""
        return self._refused > 40
