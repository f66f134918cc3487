"""The SMTP adapter: a few connections that share one feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from channels.email.opening import NotOpened, Relay, open_connection
from channels.email.session import WATCH_EVERY, Session
from channels.protocol import Fault, Feed, Reason, Report, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpChannel:
    """`envelope_from` gives the bounce address for a message's reference."""

    relay: Relay
    envelope_from: Callable[[str], bytes]
    connections: int = 4

    async def send(self, feed: Feed, report: Report) -> Fault | None:
        sessions: set[Session] = set()
        watching = asyncio.create_task(_watch(sessions))
        try:
            async with asyncio.TaskGroup() as group:
                workers = [
                    group.create_task(self._work(feed, report, sessions)) for _ in range(self.connections)
                ]
        finally:
            watching.cancel()
        faults = [worker.result() for worker in workers]
        # one connection that held out to the feed's end shows that the provider can be worked with
        return None if None in faults else faults[0]

    async def _work(self, feed: Feed, report: Report, sessions: set[Session]) -> Fault | None:
        """Keep one connection up until the feed ends; give up when a fresh one carries nothing."""
        while await feed.wait():
            try:
                transport, extensions = await open_connection(self.relay)
            except NotOpened as error:
                return _fault(error.result)
            session = Session(
                transport, extensions, feed=feed, report=report, envelope_from=self.envelope_from
            )
            transport.set_protocol(session)
            sessions.add(session)
            try:
                await session.work()
            finally:
                sessions.discard(session)
            if session.fault is not None and not session.accepted:
                return _fault(session.fault)
        return None


def _fault(result: Result) -> Fault:
    return Fault(result.reason or Reason.UNREACHABLE, result.detail, result.retry_after)


async def _watch(sessions: set[Session]) -> None:
    while True:
        await asyncio.sleep(WATCH_EVERY)
        for session in list(sessions):
            session.watch()
