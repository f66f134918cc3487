"""Bytes in, answers out, for both protocols: nothing is answered before the ledger holds what it confirms."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

from engage.local.carrier.accounts import Account, Accounts
from engage.local.carrier.behaviour import Answer
from engage.local.carrier.ledger import Writer

MORE = -1
MOST_UNREAD = 64 * 2**20
ARRIVING = memoryview(bytearray(2**18))  # all connections': what arrives is taken out before the next read


class Connection(asyncio.BufferedProtocol, ABC):
    """Subclasses consume the buffer in steps; `step` returns the position it reached, or MORE.

    A held connection takes bytes and does nothing with them, until the time is over or it is let go.
    """

    def __init__(self, accounts: Accounts, writer: Writer, open_ones: set["Connection"]) -> None:
        self.accounts = accounts
        self.writer = writer
        self.step: Callable[[bytes, int], int] = self.first_step
        self._open_ones = open_ones
        self._unread = b""
        self._answers: list[bytes] = []
        self._then: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stalled_at: Account | None = None
        self._ending = ""

    @abstractmethod
    def first_step(self, data: bytes, at: int) -> int: ...

    @abstractmethod
    def say_goodbye(self) -> None: ...

    def stop(self) -> None:
        """The process stops. One that we hold hears nothing: its message may be recorded already."""
        if self._then is None:
            self.say_goodbye()
            self.close()
        else:
            self.break_off()
        self.settle()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ending = "lost"
        self._let_go()
        self._open_ones.discard(self)

    def eof_received(self) -> bool:
        """A client may have said its last and still read: what it is owed goes out. One that we hold has left."""
        if self._then is None:
            self.close()
        else:
            self.break_off()
        self.settle()
        return True

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return ARRIVING

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(ARRIVING[:nbytes])
        self._unread = self._unread + data if self._unread else data
        if self._then is None:
            self._work()
        elif len(self._unread) > MOST_UNREAD:
            self.break_off()
            self.settle()

    def _work(self) -> None:
        data, at = self._unread, 0
        while self._then is None and not self._ending:
            reached = self.step(data, at)
            if reached == MORE:
                break
            at = reached
        self._unread = data[at:] if at else data
        self.settle()

    def settle(self) -> None:
        if not self._answers and not self._ending:
            return
        if self.writer.pending:
            self.writer.then(self._leave)
        else:
            self._leave()

    def _leave(self) -> None:
        if self._answers and not self.transport.is_closing():
            self.transport.write(b"".join(self._answers))
        self._answers.clear()
        if self._ending == "close":
            self.transport.close()
        elif self._ending == "break":
            self.transport.abort()

    def answer(self, data: bytes) -> None:
        self._answers.append(data)

    def close(self) -> None:
        """Close after what was answered so far; nothing further is read."""
        self._ending = self._ending or "close"

    def break_off(self) -> None:
        """As `close`, but without a goodbye, and now."""
        self._ending = self._ending or "break"

    def hold(
        self, seconds: float | None, then: Callable[[], None], *, stalled_at: Account | None = None
    ) -> None:
        """Do nothing for these seconds, or until let go, then this."""
        self._then = then
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.resume)
        if stalled_at is not None:
            self._stalled_at = stalled_at
            stalled_at.stalled.add(self)

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._stalled_at is not None:
            self._stalled_at.stalled.discard(self)
        self._then = self._timer = self._stalled_at = None

    def resume(self) -> None:
        then = self._then
        self._let_go()
        if then is not None and not self._ending:
            then()
            self._work()

    def enact(self, answer: Answer | None, account: Account, go_on: Callable[[], None]) -> None:
        """The mishaps that both protocols share, before the message is recorded: go on, now, later or never."""
        if answer is None or answer.kind in {"slow", "lose"}:
            go_on()
        elif answer.kind == "stall":
            self.hold(answer.seconds, go_on, stalled_at=account)
        else:
            account.counts["dropped"] += 1
            self.break_off()
