"""A lane: one worker handing over one run for a while. See the package for the invariants.

The event loop sends and hears answers; one thread owns the database connection and makes a turn (`books`) at a time, so
that commits overlap with sending. The window adapts to the pace: what a crash leaves Unconfirmed is at most
`window × (AHEAD + 1)` rows a lane.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.db import Error, connection

from campaigns.dispatch.books import Ask, Books, Turned
from campaigns.dispatch.claims import Again
from campaigns.dispatch.feed import LaneFeed, Row
from campaigns.dispatch.ledger import Entry, State
from campaigns.dispatch.outcomes import FailureRate, settle
from campaigns.dispatch.watch import Watch
from campaigns.dispatch.work import Work
from channels.protocol import Fault, Outcome, Result

logger = logging.getLogger(__name__)

AHEAD = 2
FIRST_WINDOW = 16
# An answer is recorded within this many seconds, also when few come.
RECORD_WITHIN = 0.25
WINDOW_SECONDS = 0.2


@dataclass(frozen=True)
class Left:
    """Why a lane left: `time`, `idle`, or what refused or halted it. `again_in` seconds it wants to be rung again."""

    reason: str
    again_in: float | None = None
    fault: Fault | None = None


class Lane:
    """The life of a lane: working, then draining (send what is announced) or halting (give it back), then gone."""

    def __init__(self, work: Work, books: Books, guard: FailureRate) -> None:
        self.work = work
        self.books = books
        self.guard = guard
        self.feed = LaneFeed(work, hungry=self._wake_up, broken=self._content_error)
        self.leaving = ""
        self.left_in: float | None = None
        self.fault: Fault | None = None
        self.window = min(FIRST_WINDOW, settings.SEND_WINDOW)
        self._over: list[tuple[Row, Entry]] = []
        self._again: list[tuple[Row, Again]] = []
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="books")
        self._ends_at = time.monotonic() + settings.SEND_LANE_SECONDS
        self._recorded_at = time.monotonic()
        self._asked_again_at = 0.0
        self._tokens_at = 0.0
        self._promised = False
        self._clock_offset = 0.0
        self._rate = 0.0
        self._segments = work.segments

    async def run(self) -> Left:
        """Until the lane has nothing in its hands any more, or nothing that it could still say about them."""
        with Watch(self.work.key.org, self.work.key.run, self._halt_from_thread):
            try:
                await self._turn(Ask(announce=self.window))
                if not (self.leaving and self.books.holds_nothing):
                    await self._work_on()
            finally:
                await self._loop.run_in_executor(self._thread, _disconnect)
                self._thread.shutdown()
        return Left(self.leaving, self.left_in, self.fault)

    async def _work_on(self) -> None:
        sending = asyncio.create_task(self._send())
        while not (self.leaving and self.books.holds_nothing) and not self._is_beyond_help():
            ask = self._next_ask()
            if ask is None:
                await self._pause()
            else:
                await self._turn(ask)
        self.feed.end()
        await sending

    def _is_beyond_help(self) -> bool:
        """The database is away and the lease is over: recovery says Unconfirmed of all that is not recorded."""
        return self.leaving == "database" and self.feed.lease_is_over

    async def _send(self) -> None:
        fault = await self.work.channel.send(self.feed, self._report)
        if fault is not None:
            self.fault = fault
            self._leave("fault")
            self.feed.halt("fault")
        self._wake_up()

    def _report(self, seq: int, result: Result) -> None:
        row, outgoing = self.feed.in_flight.pop(seq)
        segments = self._segments(outgoing) if self._segments else 0
        settled = settle(self.work, row, result, ms=self._database_ms(), segments=segments)
        if isinstance(settled, Entry):
            self._over.append((row, settled))
            self.guard.note(refused=result.outcome is Outcome.REFUSED)
            if self.guard.tripped:
                self._leave("failure_rate")
                self.feed.halt("failure_rate")
        else:
            self._again.append((row, settled))
        if len(self._over) == self.window or self.leaving:
            self._wake_up()

    def _content_error(self, row: Row) -> None:
        """Nothing of it left: the row is skipped as if its gate had found it."""
        entry = Entry(row.seq, State.SKIPPED, "content_error", self._database_ms(), row.attempt)
        self._over.append((row, entry))

    def _database_ms(self) -> int:
        """Now, by the database's clock as it was at the last turn."""
        return int(time.monotonic() * 1000 + self._clock_offset)

    def _next_ask(self) -> Ask | None:
        """What the next turn should do; None while there is nothing worth a transaction."""
        now = time.monotonic()
        if now < self._asked_again_at:
            return None
        if self.feed.lease_is_over:
            self.feed.halt("lease")
        if self.feed.halted:
            self._leave(self.feed.halted)
            self._take_back()
        elif now >= self._ends_at:
            self._leave("time", again_in=0.0)
        announce = 0 if self.leaving or now < self._tokens_at else self._room()
        if announce or self._is_worth_a_turn(now):
            return Ask(
                self._over, self._again, announce, leaving=bool(self.leaving), halted=bool(self.feed.halted)
            )
        return None

    def _is_worth_a_turn(self, now: float) -> bool:
        since = now - self._recorded_at
        answered = len(self._over) + len(self._again)
        if answered and (since > RECORD_WITHIN or self.leaving or answered >= self.window):
            return True
        if self.feed.halted and not self._promised:
            return True
        nothing_in_hand = not self.feed.ready and not self.feed.in_flight
        return since > settings.SEND_LEASE_SECONDS / 4 or (bool(self.leaving) and nothing_in_hand)

    def _room(self) -> int:
        """How many rows to announce now: a window, when less than one waits and the bound has room for it."""
        if len(self.feed.ready) >= self.window:
            return 0
        unrecorded = len(self.feed.ready) + len(self.feed.in_flight)
        return self.window if unrecorded <= self.window * AHEAD else 0

    def _take_back(self) -> None:
        """What has not begun goes back into the queue, its tries unchanged."""
        self._again += [(row, Again(row.seq, row.attempt, 0.0, "")) for row in self.feed.take_back()]

    async def _turn(self, ask: Ask) -> None:
        self._over, self._again = [], []
        answered = len(ask.over)
        try:
            turned = await self._loop.run_in_executor(self._thread, self.books.turn, ask)
        except Error:
            logger.exception("run %s: the database did not take a turn", self.work.key.run)
            await self._without_database(ask)
            return
        now = time.monotonic()
        self._clock_offset = turned.database_ms - now * 1000
        self._promised = ask.halted
        self.feed.lease_ends = turned.lease_ends
        self._rate += (answered / max(now - self._recorded_at, 0.001) - self._rate) * 0.3
        self._recorded_at = now
        if ask.announce:
            self._adapt(turned)
        self.feed.add(turned.rows)
        self._heed(turned)

    async def _without_database(self, ask: Ask) -> None:
        """Begin nothing more, keep what is known, and try to record it until the lease is over."""
        self._over, self._again = ask.over + self._over, ask.again + self._again
        self.feed.halt("database")
        self._leave("database")
        self._asked_again_at = time.monotonic() + 1.0
        await self._loop.run_in_executor(self._thread, _disconnect)

    def _adapt(self, turned: Turned) -> None:
        """The window: what goes out in a fifth of a second or during two commits, and what the adapter has in flight.

        So a slow relay leaves almost nothing uncertain, and a fast one pays for few commits.
        """
        if self.feed.starved and turned.rows:
            wanted = self.window * 2.0
        else:
            wanted = max(self._rate * max(WINDOW_SECONDS, 2 * turned.took), self.feed.most_in_flight)
        self.window = max(1, min(int(wanted), settings.SEND_WINDOW))
        self.feed.starved = False
        self.feed.low_water = self.window - 1

    def _heed(self, turned: Turned) -> None:
        """Leave when the books say so."""
        if turned.lost:
            self.feed.halt("lost")
        elif turned.refusal == "pace" and self.feed.in_flight:
            self._tokens_at = time.monotonic() + (turned.again_in or 0.0)
        elif turned.refusal in {"pace", "idle", "allowance", "backing_off"}:
            self._leave(turned.refusal, again_in=turned.again_in)
        elif turned.refusal:
            self._leave(turned.refusal)
            self.feed.halt(turned.refusal)

    def _leave(self, reason: str, *, again_in: float | None = None) -> None:
        if not self.leaving:
            self.leaving, self.left_in = reason, again_in
            self._wake_up()

    def _halt_from_thread(self, reason: str) -> None:
        self.feed.halt(reason)
        self._loop.call_soon_threadsafe(self._wake_up)

    def _wake_up(self) -> None:
        self._wake.set()

    async def _pause(self) -> None:
        """Until somebody wakes the lane, or it is time to record, renew or leave."""
        self._wake.clear()
        try:
            async with asyncio.timeout(0.05 if self._over or self._again else RECORD_WITHIN):
                await self._wake.wait()
        except TimeoutError:
            return


def _disconnect() -> None:
    """Close the connection of the thread that calls: `connection.close` itself would be looked up in the wrong one."""
    connection.close()
