"""A lane's side of the database: one transaction a turn records what is over and announces what is next.

Runs in the lane's database thread, on that thread's connection. Between two turns no transaction is open.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace

from django.conf import settings

from campaigns import run_lock
from campaigns.dispatch import allowance, claims, ledger, pace, prepared, recovery, standing, window
from campaigns.dispatch.claims import Again, Claim, Step
from campaigns.dispatch.feed import Row, boot_time
from campaigns.dispatch.ledger import Entry, State
from campaigns.dispatch.standing import Standing
from campaigns.dispatch.work import Work
from engage.orgs.tenancy import org_context

# Clocks of two machines may run apart by this share of a lease before it is over here and alive there.
_SAFETY = 0.1


@dataclass
class Ask:
    """What a lane wants of a turn. `over` and `again`: rows that left its hands; `announce`: how many it could take.

    `leaving`: let go of every chunk of which nothing is in hand. `halted`: promise that nothing in hand will begin.
    """

    over: list[tuple[Row, Entry]] = field(default_factory=list)
    again: list[tuple[Row, Again]] = field(default_factory=list)
    announce: int = 0
    leaving: bool = False
    halted: bool = False


@dataclass
class Turned:
    """What came of it. `refusal` says why nothing may be announced; `again_in` when to ask again, None: not known.

    `lost`: a chunk or row was taken by another owner. `lease_ends` is on this machine's boot clock.
    """

    rows: list[Row] = field(default_factory=list)
    refusal: str = ""
    again_in: float | None = None
    lost: bool = False
    lease_ends: float = 0.0
    database_ms: int = 0
    took: float = 0.0


@dataclass(frozen=True)
class Stopped:
    """Rows of a window that the gates stop, or that are held out; `chunk` None: they came from `retry`."""

    entries: list[Entry] = field(default_factory=list)
    chunk: int | None = None


class Books:
    """What this lane holds: chunks (`claims`) and announced retry rows (seq → epoch)."""

    def __init__(self, work: Work, owner: str) -> None:
        self.work = work
        self.key = work.key
        self.owner = owner
        self.held: dict[int, Claim] = {}
        self.retries: dict[int, int] = {}

    @property
    def holds_nothing(self) -> bool:
        return not self.held and not self.retries

    def turn(self, ask: Ask) -> Turned:
        """One transaction: record, then announce. What another owner has taken over is left to them."""
        began, boot = time.monotonic(), boot_time()
        tokens = pace.take(self.work, ask.announce) if ask.announce else 0
        before = {no: replace(claim) for no, claim in self.held.items()}, dict(self.retries)
        try:
            with org_context(self.key.org):
                turned = self._turn(ask, tokens)
        except Exception:
            self.held, self.retries = before  # the transaction is undone, so is what we think that we hold
            raise
        turned.lease_ends = boot + settings.SEND_LEASE_SECONDS * (1 - _SAFETY)
        turned.took = time.monotonic() - began
        pace.note(self.key, len(ask.over))
        if ask.announce:
            pace.put_back(self.work, tokens - len(turned.rows))
            if not tokens and not turned.refusal:
                turned.refusal, turned.again_in = "pace", pace.wait_for_one(self.work)
        return turned

    def _turn(self, ask: Ask, tokens: int) -> Turned:
        run_lock.shared(self.key.run)
        prepared.look()
        turned = Turned(lost=self._drop_what_is_lost(ask))
        now = standing.read(self.work)
        turned.database_ms = now.ms
        turned.refusal, turned.again_in = now.refusal, now.again_in
        stopped = Stopped()
        if tokens and not now.refusal and not turned.lost:
            stopped = self._announce(turned, now, tokens)
        ledger.append(self.key, [entry for _, entry in ask.over] + stopped.entries)
        claims.queue_again(self.key, [again for _, again in ask.again])
        self._settle_retries(ask, stopped)
        self._settle_chunks(ask, stopped)
        return turned

    def _drop_what_is_lost(self, ask: Ask) -> bool:
        """Lock all that this lane holds; forget what is not its own any more, with whatever it would write there."""
        chunks = claims.still_held(self.key, self.held.values())
        retries = claims.still_held_retries(self.key, self.retries)
        lost = len(chunks) < len(self.held) or len(retries) < len(self.retries)
        if lost:
            self.held = {no: claim for no, claim in self.held.items() if no in chunks}
            self.retries = {seq: epoch for seq, epoch in self.retries.items() if seq in retries}
            ask.over = [pair for pair in ask.over if self._is_ours(pair[0])]
            ask.again = [pair for pair in ask.again if self._is_ours(pair[0])]
        return lost

    def _is_ours(self, row: Row) -> bool:
        return row.seq in self.retries if row.chunk is None else row.chunk in self.held

    def _announce(self, turned: Turned, now: Standing, most: int) -> Stopped:
        """Put up to `most` rows into `turned.rows`: first those that waited for another try."""
        granted = allowance.take(self.work, now, most)
        if not granted:
            turned.refusal, turned.again_in = "allowance", allowance.again_in(self.work, now)
            return Stopped()
        again = claims.announce_retries(self.key, self.owner, granted) if now.retries_due else []
        if again:
            self.retries.update({seq: epoch for seq, epoch, _ in again})
            attempts = {seq: attempt for seq, _, attempt in again}
            turned.rows, entries = window.judge_retries(self.work, now, attempts)
            stopped = Stopped(entries)
        else:
            stopped = self._announce_of_chunk(turned, now, granted)
        if not turned.rows and not stopped.entries:
            turned.refusal = "idle"
        held_out = sum(entry.state == State.HELD_OUT for entry in stopped.entries)
        allowance.give_back(self.work, now, granted, sent=len(turned.rows), held_out=held_out)
        window.store_short_links(self.work, turned.rows)
        return stopped

    def _announce_of_chunk(self, turned: Turned, now: Standing, most: int) -> Stopped:
        claim = next((claim for claim in self.held.values() if not claim.exhausted), None)
        claim = claim or self._claim_next()
        if claim is None:
            return Stopped()
        low, high = claim.intent_hi + 1, min(claim.intent_hi + most, claim.last_seq)
        turned.rows, entries = window.judge_range(self.work, now, chunk=claim.no, low=low, high=high)
        claim.intent_hi = high
        claim.in_hand += high - low + 1
        return Stopped(entries, claim.no)

    def _claim_next(self) -> Claim | None:
        claimed = claims.claim(self.key, self.owner)
        if claimed is None:
            return None
        claim, left_open = claimed
        if left_open:
            recovery.settle_chunk(self.key, no=claim.no, first=claim.first_seq, intent_hi=claim.intent_hi)
        self.held[claim.no] = claim
        return claim

    def _settle_retries(self, ask: Ask, stopped: Stopped) -> None:
        """Rows that came from `retry`: out of it with their ledger row, or waiting there again."""
        over = [row.seq for row, _ in ask.over if row.chunk is None]
        if stopped.chunk is None:
            over += [entry.seq for entry in stopped.entries]
        for seq in (*over, *(row.seq for row, _ in ask.again if row.chunk is None)):
            self.retries.pop(seq, None)
        if over:
            claims.drop_retries(self.key, over)
        if self.retries:
            claims.renew_retries(self.key, self.retries, draining=ask.halted)

    def _settle_chunks(self, ask: Ask, stopped: Stopped) -> None:
        """Move `intent_hi` and `done`. A chunk with nothing in hand is let go when it is exhausted, or we leave."""
        done = Counter(row.chunk for row, _ in (*ask.over, *ask.again) if row.chunk is not None)
        if stopped.chunk is not None:
            done[stopped.chunk] += len(stopped.entries)
        steps = []
        for no, claim in list(self.held.items()):
            claim.in_hand -= done[no]
            released = claim.in_hand == 0 and (claim.exhausted or ask.leaving)
            steps.append(Step(no, claim.intent_hi, done[no], ask.halted and not released, released))
            if released:
                del self.held[no]
        claims.advance(self.key, steps)
