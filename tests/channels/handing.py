"""Handing over in a test: a feed that records, a report that must come once a message."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from channels.protocol import Channel, Fault, Outgoing, Result

BODY = b"Subject: hello\r\n\r\nA line.\r\n"


def messages(count: int, *, to: str = "a{}@example.com", body: bytes = BODY) -> list[Outgoing]:
    return [
        Outgoing(number, to.format(number), body, f"ref{number}", f"ref{number}") for number in range(count)
    ]


@dataclass
class Handed:
    """What the dispatcher would know after a hand-over."""

    results: dict[int, Result] = field(default_factory=dict)
    began: list[int] = field(default_factory=list)
    fault: Fault | None = None

    def report(self, key: int, result: Result) -> None:
        assert key in self.began, "answered without being taken"
        assert key not in self.results, "answered twice"
        self.results[key] = result


class HaltingFeed:
    """A feed that a halt flag can end at any moment, as a lane's does."""

    def __init__(self, waiting: list[Outgoing], handed: Handed) -> None:
        self._waiting = waiting
        self._handed = handed
        self.halted = False

    def take(self) -> Outgoing | None:
        if self.halted or not self._waiting:
            return None
        message = self._waiting.pop(0)
        self._handed.began.append(message.key)
        return message

    async def wait(self) -> bool:
        return bool(self._waiting) and not self.halted


async def send(channel: Channel, outgoing: list[Outgoing]) -> Handed:
    """Hand everything over; every message taken must have been answered when it returns."""
    handed = Handed()
    async with asyncio.timeout(10):
        handed.fault = await channel.send(HaltingFeed(list(outgoing), handed), handed.report)
    assert handed.results.keys() == set(handed.began), "taken without an answer"
    return handed
