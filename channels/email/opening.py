"""Opening an SMTP connection: connect, greet, secure, sign in. Nothing of a message leaves before this is
done.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from channels.email.session import Extensions
from channels.email.smtp_rules import Stage, classify, lost
from channels.outbound import AddressRefused, resolve
from channels.protocol import Outcome, Reason, Result

# Everything up to the sign-in, in seconds: short of `ANSWER_WITHIN`, so that a fault is known as early as an
# answer.
OPEN_WITHIN = 15.0
_READY = {Stage.GREETING: b"220", Stage.HELLO: b"250", Stage.TLS: b"220", Stage.AUTH: b"235"}


class Security(StrEnum):
    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where to connect and how. `trusted`: the host comes from the operator's settings (see `outbound`)."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)
    trusted: bool = False


class NotOpened(Exception):
    """The connection could not be had; `result` says why, and nobody's message is at fault."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.detail)
        self.result = result


class _Dialogue(asyncio.Protocol):
    """Question and answer, until the session takes the connection over."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._lines: list[bytes] = []
        self._answers: deque[list[bytes]] = deque()
        self._rest = b""
        self._lost = False
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._lines.append(line.rstrip())
            if line[3:4] != b"-":
                self._answers.append(self._lines)
                self._lines = []
        self._news.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lost = True
        self._news.set()

    @property
    def quiet(self) -> bool:
        """Whether the server has said nothing that was not asked for."""
        return not (self._answers or self._lines or self._rest or self._lost)

    async def ask(self, stage: Stage, command: bytes = b"") -> list[bytes]:
        """The lines of a yes. Raises `NotOpened` for anything else."""
        if command:
            self.transport.write(command + b"\r\n")
        while not self._answers:
            if self._lost:
                raise NotOpened(
                    lost(content_left=False, detail=f"{stage}: the server closed the connection.")
                )
            self._news.clear()
            await self._news.wait()
        lines = self._answers.popleft()
        if not lines[-1].startswith(_READY[stage]):
            raise NotOpened(classify(stage, lines[-1]))
        return lines


async def open_connection(relay: Relay) -> tuple[asyncio.Transport, Extensions]:
    """A connection that is ready for mail; its protocol is to be replaced. Raises `NotOpened`."""
    dialogue: _Dialogue | None = None
    try:
        async with asyncio.timeout(OPEN_WITHIN):
            dialogue = await _connect(relay)
            extensions = await _greet(dialogue, relay)
    except AddressRefused as error:
        raise NotOpened(_fault(Reason.UNREACHABLE, str(error))) from error
    except TimeoutError as error:
        _abort(dialogue)
        raise NotOpened(
            _fault(Reason.UNREACHABLE, f"{relay.host} did not answer in {OPEN_WITHIN:.0f} s.")
        ) from error
    except (
        OSError,
        UnicodeError,
    ) as error:  # unknown name, refused, unreachable, a certificate that does not fit
        _abort(dialogue)
        raise NotOpened(_fault(Reason.UNREACHABLE, f"{relay.host}: {error}")) from error
    except (NotOpened, asyncio.CancelledError):
        _abort(dialogue)
        raise
    return dialogue.transport, extensions


async def _connect(relay: Relay) -> _Dialogue:
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context() if relay.security is Security.IMPLICIT else None
    name = relay.host if context else None
    failed: OSError | None = None
    for address in await resolve(relay.host, relay.port, trusted=relay.trusted):
        try:
            transport, dialogue = await loop.create_connection(
                _Dialogue, address, relay.port, ssl=context, server_hostname=name
            )
        except OSError as error:
            failed = error
            continue
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return dialogue
    raise failed or OSError("no address")


async def _greet(dialogue: _Dialogue, relay: Relay) -> Extensions:
    await dialogue.ask(Stage.GREETING)
    offered = await _hello(dialogue)
    if relay.security is Security.STARTTLS:
        if b"STARTTLS" not in offered:
            raise NotOpened(_fault(Reason.UNREACHABLE, f"{relay.host} offers no STARTTLS."))
        await _secure(dialogue, relay)
        offered = await _hello(dialogue)
    if relay.user:
        secret = base64.b64encode(f"\0{relay.user}\0{relay.password}".encode())
        await dialogue.ask(Stage.AUTH, b"AUTH PLAIN " + secret)
    if not dialogue.quiet:
        raise NotOpened(_fault(Reason.UNREACHABLE, f"{relay.host} speaks without being asked."))
    return Extensions(pipelining=b"PIPELINING" in offered, chunking=b"CHUNKING" in offered)


async def _hello(dialogue: _Dialogue) -> set[bytes]:
    """The extensions offered. We greet with our address: a name would have to be one that resolves."""
    address = dialogue.transport.get_extra_info("sockname")[0]
    literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    lines = await dialogue.ask(Stage.HELLO, b"EHLO " + literal.encode())
    return {line[4:].split(b" ")[0].upper() for line in lines[1:]}


async def _secure(dialogue: _Dialogue, relay: Relay) -> None:
    await dialogue.ask(Stage.TLS, b"STARTTLS")
    if not dialogue.quiet:  # what came in the clear would be taken for part of the secured dialogue
        raise NotOpened(_fault(Reason.UNREACHABLE, f"{relay.host} speaks before TLS."))
    loop = asyncio.get_running_loop()
    secured = await loop.start_tls(
        dialogue.transport, dialogue, ssl.create_default_context(), server_hostname=relay.host
    )
    dialogue.transport = cast("asyncio.Transport", secured)


def _fault(reason: Reason, detail: str) -> Result:
    return Result(Outcome.LATER, reason, detail=detail[:300], connection_fault=True)


def _abort(dialogue: _Dialogue | None) -> None:
    if dialogue is not None:
        dialogue.transport.abort()
