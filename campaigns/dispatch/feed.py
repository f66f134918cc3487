"""What a lane gives its adapter: announced messages, one at a time, until something says stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from campaigns.dispatch.work import Work
from channels.protocol import Outgoing

logger = logging.getLogger(__name__)

# It runs on while the machine sleeps or the process is stopped; a lease by another clock could outlive itself.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    return time.clock_gettime(_CLOCK)


class Row(NamedTuple):
    """An announced recipient. `chunk` None: it comes from `retry`. `attempt`: tries begun before this one."""

    seq: int
    customer_id: int
    variant: int
    address: str
    values: list[str | None]
    chunk: int | None
    attempt: int


class LaneFeed:
    """The rows that may begin. `halted` may be set from any thread: it is one assignment, read before each message.

    Invariant: `take` returns a row only while nothing has halted the lane and its lease has not ended, both looked at
    in the same step of the loop in which the adapter writes the first byte.
    """

    def __init__(self, work: Work, *, hungry: Callable[[], None], broken: Callable[[Row], None]) -> None:
        self.ready: deque[Row] = deque()
        self.in_flight: dict[int, tuple[Row, Outgoing]] = {}
        self.halted = ""
        self.lease_ends = 0.0
        self.low_water = 0
        self.starved = False
        self.most_in_flight = 0
        self._work = work
        self._hungry = hungry
        self._broken = broken
        self._ended = False
        self._fed = asyncio.Event()

    def add(self, rows: Iterable[Row]) -> None:
        self.ready.extend(rows)
        self._fed.set()

    def end(self) -> None:
        """Nothing will be added any more."""
        self._ended = True
        self._fed.set()

    def halt(self, reason: str) -> None:
        """Begin nothing more. Safe from any thread; the first reason stays."""
        self.halted = self.halted or reason

    def take_back(self) -> list[Row]:
        """What has not begun; it will not."""
        rows = list(self.ready)
        self.ready.clear()
        return rows

    @property
    def lease_is_over(self) -> bool:
        return boot_time() >= self.lease_ends

    def take(self) -> Outgoing | None:
        while self.ready and not self.halted and time.clock_gettime(_CLOCK) < self.lease_ends:
            row = self.ready.popleft()
            if len(self.ready) == self.low_water:
                self._hungry()
            try:
                outgoing = self._work.outgoing(row)
            except Exception:
                # One person's values may not end the run for everybody after them.
                logger.exception("row %s of run %s does not render", row.seq, self._work.key.run)
                self._broken(row)
                continue
            self.in_flight[row.seq] = row, outgoing
            self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
            return outgoing
        return None

    async def wait(self) -> bool:
        while not self._ended:
            if self.ready and not self.halted:
                return True
            self.starved = True
            self._hungry()
            self._fed.clear()
            await self._fed.wait()
        return False
