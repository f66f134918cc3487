"""A feed of a few messages known beforehand: a test send, an answer to a keyword."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from channels.protocol import Outgoing


class Batch:
    def __init__(self, messages: Iterable[Outgoing]) -> None:
        self._waiting = deque(messages)

    def take(self) -> Outgoing | None:
        return self._waiting.popleft() if self._waiting else None

    async def wait(self) -> bool:
        return bool(self._waiting)
