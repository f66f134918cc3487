"""One SMTP connection that hands over message after message in the fewest round trips the server allows.

With PIPELINING the content of one message leaves together with the envelope of the next; with CHUNKING
several whole messages are under way. Every message taken is answered once; what a lost answer proves follows
from how far the message got.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from channels.email.address import wire
from channels.email.smtp_rules import Stage, classify, lost, provider_id
from channels.protocol import ANSWER_WITHIN, Feed, Outcome, Outgoing, Reason, Report, Result

# With CHUNKING, messages under way on one connection; all of them are unconfirmed if it breaks.
CHUNKED = 8
# The watch that ends a silent connection looks this often (seconds), so it acts that much earlier.
WATCH_EVERY = 0.25
_GIVEN_UP_AFTER = ANSWER_WITHIN - 2 * WATCH_EVERY
_LINE_MOST = 64 * 1024
_DIGIT_2 = ord("2")
_UNDELIVERABLE = Result(
    Outcome.REFUSED, Reason.ADDRESS_REFUSED, detail="The address cannot stand in an SMTP envelope."
)


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the server offered after EHLO."""

    pipelining: bool = False
    chunking: bool = False


class _Taken:
    """A message taken from the feed and not answered yet."""

    __slots__ = ("content_left", "message", "rcpt", "refusal", "since")

    def __init__(self, message: Outgoing, rcpt: bytes, since: float) -> None:
        self.message = message
        self.rcpt = rcpt
        self.since = since
        self.refusal: Result | None = None  # the first no to its envelope
        self.content_left = False


class Session(asyncio.Protocol):
    """The transfer of messages, on a connection that `opening.py` has greeted, secured and signed in."""

    def __init__(
        self,
        transport: asyncio.Transport,
        extensions: Extensions,
        *,
        feed: Feed,
        report: Report,
        envelope_from: Callable[[str], bytes],
    ) -> None:
        self.accepted = 0
        self.fault: Result | None = None  # why nothing more may begin on this connection
        self._transport = transport
        self._pipelining = extensions.pipelining
        self._chunking = extensions.chunking and extensions.pipelining
        self._take = feed.take
        self._feed = feed
        self._report = report
        self._envelope_from = envelope_from
        loop = asyncio.get_running_loop()
        self._time = loop.time
        self._gone: asyncio.Future[bool] = loop.create_future()
        self._wake = asyncio.Event()
        # what was asked, and about whom; (None, None) where nobody depends on the answer
        self._expected: deque[tuple[Stage | None, _Taken | None]] = deque()
        self._under_way = 0
        self._enveloped = False  # without CHUNKING: an envelope is out whose content is not
        self._starved = False
        self._paused = False
        self._unclean = False  # the server may still hold the envelope of a message it refused
        self._closing = False  # the server said that it takes nothing more
        self._finished = False
        self._rest = b""
        self._broken: BaseException | None = None

    async def work(self) -> None:
        """Hand over until the feed ends or nothing more may begin here; then wait for what is under way."""
        try:
            while not self._ended():
                self._begin()
                await self._woken()
                if self._starved and not self._ended() and not await self._fed():
                    break
            while self._under_way and not self._gone.done():
                await self._woken()
            if not self._gone.done():
                self._finished = True
                self._transport.write(b"QUIT\r\n")
                self._transport.close()
        finally:
            self._answer_rest("The hand-over was broken off.")
            if not self._transport.is_closing():
                self._transport.abort()
        if self._broken is not None:
            raise self._broken

    def watch(self) -> None:
        """End a connection whose oldest message has waited too long for its answer."""
        oldest = next((taken for _, taken in self._expected if taken), None)
        if oldest and self._time() - oldest.since > _GIVEN_UP_AFTER:
            self._end(lost(content_left=False, detail=f"No answer within {ANSWER_WITHIN:.0f} seconds."))

    def _ended(self) -> bool:
        return self.fault is not None or self._gone.done()

    async def _woken(self) -> None:
        await self._wake.wait()
        self._wake.clear()

    async def _fed(self) -> bool:
        """Wait for the feed or the end of the connection; False when the feed has ended."""
        feeding: asyncio.Future[bool] = asyncio.ensure_future(self._feed.wait())
        try:
            await asyncio.wait([feeding, self._gone], return_when=asyncio.FIRST_COMPLETED)
            self._starved = False
            return feeding.result() if feeding.done() else True
        finally:
            feeding.cancel()

    # What leaves

    def _begin(self) -> None:
        if self._paused or self._ended():
            return
        if self._chunking:
            if self._under_way <= CHUNKED // 2:  # several at a time: one write
                self._begin_chunks()
        elif not self._enveloped:
            taken = self._next()
            if taken is not None:
                self._transport.write(self._envelope(taken))

    def _begin_chunks(self) -> None:
        out: list[bytes] = []
        while self._under_way < CHUNKED:
            taken = self._next()
            if taken is None:
                break
            body = taken.message.body
            taken.content_left = True
            # RSET, because the envelope before may turn out refused and would still be open
            self._expected.append((None, None))
            out += (
                b"RSET\r\nMAIL FROM:<%b>\r\nRCPT TO:<%b>\r\nBDAT %d LAST\r\n"
                % (self._envelope_from(taken.message.reference), taken.rcpt, len(body)),
                body,
            )
            self._expected += ((Stage.MAIL, taken), (Stage.RCPT, taken), (Stage.CONTENT, taken))
        if out:
            self._transport.write(b"".join(out))

    def _next(self) -> _Taken | None:
        while True:
            message = self._take()
            if message is None:
                self._starved = True
                self._wake.set()
                return None
            rcpt = wire(message.to)
            if rcpt is not None:
                self._under_way += 1
                return _Taken(message, rcpt, self._time())
            self._report(message.key, _UNDELIVERABLE)

    def _envelope(self, taken: _Taken) -> bytes:
        self._enveloped = True
        mail = b"MAIL FROM:<%b>\r\n" % self._envelope_from(taken.message.reference)
        if self._unclean:
            self._unclean = False
            self._expected.append((None, None))
            mail = b"RSET\r\n" + mail
        self._expected.append((Stage.MAIL, taken))
        if not self._pipelining:
            return mail
        self._expected += ((Stage.RCPT, taken), (Stage.DATA, taken))
        return mail + b"RCPT TO:<%b>\r\nDATA\r\n" % taken.rcpt

    # What comes back

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        lines = data.split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line[3:4] != b"-":
                self._answered(line.rstrip())
        if len(self._rest) > _LINE_MOST:
            self._end(classify(Stage.HELLO, self._rest[:100]))
        if not self._starved:
            self._begin()

    def _answered(self, line: bytes) -> None:
        if not self._expected:
            self._end(classify(Stage.HELLO, line))
            return
        stage, taken = self._expected.popleft()
        if stage is None or taken is None:
            return
        if stage is Stage.CONTENT:
            self._judge_content(taken, line)
        elif stage is Stage.DATA:
            self._judge_data(taken, line)
        else:
            if line[0:1] != b"2" and taken.refusal is None:
                taken.refusal = self._seen(classify(stage, line))
            if not self._pipelining:
                self._step(stage, taken)

    def _judge_data(self, taken: _Taken, line: bytes) -> None:
        self._enveloped = False
        if line[:3] == b"354" and taken.refusal is None:
            self._send_content(taken)
            return
        if line[:3] == b"354":  # a server that wants the content of a message it refused gets an empty one
            self._transport.write(b".\r\n")
            self._expected.append((None, None))
        self._unclean = True
        self._answer(taken, taken.refusal or self._seen(classify(Stage.DATA, line)))

    def _send_content(self, taken: _Taken) -> None:
        taken.content_left = True
        self._expected.append((Stage.CONTENT, taken))
        following = self._next() if self._pipelining and not self._paused and not self._ended() else None
        body = taken.message.body
        if following is None:
            self._transport.write(body + b".\r\n")
        else:
            self._transport.write(b"%b.\r\n%b" % (body, self._envelope(following)))

    def _judge_content(self, taken: _Taken, line: bytes) -> None:
        if line[0:1] == b"2" and taken.refusal is None:
            self.accepted += 1
            self._under_way -= 1
            self._report(taken.message.key, Result(Outcome.ACCEPTED, None, provider_id(line)))
        else:
            result = taken.refusal or self._seen(classify(Stage.CONTENT, line))
            self._answer(taken, result)
            if result.outcome is Outcome.UNKNOWN:
                self._end(classify(Stage.HELLO, line))
        if self._under_way == 0:
            self._wake.set()

    def _step(self, stage: Stage, taken: _Taken) -> None:
        """Without PIPELINING: the next command of an envelope, one at a time."""
        if taken.refusal is not None:
            self._enveloped = False
            self._unclean = True
            self._answer(taken, taken.refusal)
        elif stage is Stage.MAIL:
            self._expected.append((Stage.RCPT, taken))
            self._transport.write(b"RCPT TO:<%b>\r\n" % taken.rcpt)
        else:
            self._expected.append((Stage.DATA, taken))
            self._transport.write(b"DATA\r\n")

    def _seen(self, result: Result) -> Result:
        if result.connection_fault and self.fault is None:
            self.fault = result
            self._closing = result.reason is Reason.BUSY
            self._wake.set()
        return result

    def _answer(self, taken: _Taken, result: Result) -> None:
        self._under_way -= 1
        self._report(taken.message.key, result)
        if self._under_way == 0:
            self._wake.set()

    # How it ends

    def _end(self, fault: Result) -> None:
        """Nothing on this connection can be understood any more."""
        self._seen(fault)
        self._answer_rest(fault.detail)
        self._transport.abort()

    def _answer_rest(self, detail: str) -> None:
        """Answer all that is under way by what is proven: a content that left is unknown.

        After the server's 421 nothing that stands behind it has been taken.
        """
        rest = dict.fromkeys(taken for _, taken in self._expected if taken)
        self._expected.clear()
        for taken in rest:
            left = taken.content_left and not self._closing
            self._answer(taken, taken.refusal or lost(content_left=left, detail=detail))

    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None and not isinstance(exc, OSError):
            self._broken = exc
        if not self._finished and self.fault is None:
            self.fault = lost(content_left=False, detail="The server closed the connection.")
        self._answer_rest("The connection ended before the answer.")
        if not self._gone.done():
            self._gone.set_result(True)
        self._wake.set()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._begin()
