"""A mail relay that answers as a test tells it: the fake stands at the provider, nowhere else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

CLOSE = b"close"  # break the connection instead of answering
SILENT = b"silent"  # never answer
Script = Callable[[str, str], bytes | None]  # (verb, argument) → answer, None for the usual one


@dataclass
class Received:
    """One message that the relay took."""

    mail_from: str
    rcpt: str
    content: bytes


@dataclass
class ScriptedRelay:
    """`script` is asked at each connection (CONNECT), command and content (CONTENT, with its recipient)."""

    offers: tuple[str, ...] = ("PIPELINING", "CHUNKING")
    script: Script = lambda _verb, _argument: None
    taken: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    implicit: bool = False  # TLS from the first byte, instead of after STARTTLS
    connections: int = 0
    port: int = 0

    async def __aenter__(self) -> ScriptedRelay:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=self.tls if self.implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def said(self, verb: str) -> list[str]:
        return [command for command in self.commands if command.startswith(verb)]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.ensure_future(_Talk(self, reader, writer).serve()))


class _Closed(Exception):
    pass


class _Talk:
    def __init__(
        self, relay: ScriptedRelay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._relay = relay
        self._reader = reader
        self._writer = writer
        self._mail_from = ""
        self._rcpt = ""

    async def serve(self) -> None:
        try:
            await self._say("CONNECT", "", b"220 relay.test")
            while line := (await self._reader.readline()).decode().rstrip("\r\n"):
                self._relay.commands.append(line)
                verb, _, argument = line.partition(" ")
                await getattr(self, _HANDLERS[verb])(argument)
                await self._writer.drain()
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, _Closed):
            pass
        finally:
            self._writer.transport.abort()

    async def _say(self, verb: str, argument: str, usual: bytes) -> bool:
        """Answer; whether it was a yes."""
        said = self._relay.script(verb, argument) or usual
        if said == CLOSE:
            raise _Closed
        if said == SILENT:
            await asyncio.Event().wait()
        self._writer.write(said + b"\r\n")
        if said.startswith(b"421"):
            await self._writer.drain()
            self._writer.close()
            raise _Closed
        return said[:1] in b"23"

    async def _ehlo(self, argument: str) -> None:
        lines = ["relay.test", *self._relay.offers]
        greeting = [f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines]
        await self._say("EHLO", argument, "\r\n".join(greeting).encode())

    async def _starttls(self, argument: str) -> None:
        assert self._relay.tls is not None
        if await self._say("STARTTLS", argument, b"220 go on"):
            await self._writer.drain()
            await self._writer.start_tls(self._relay.tls)

    async def _auth(self, argument: str) -> None:
        await self._say("AUTH", argument, b"235 2.7.0 welcome")

    async def _rset(self, argument: str) -> None:
        self._mail_from = self._rcpt = ""
        await self._say("RSET", argument, b"250 2.0.0 ok")

    async def _quit(self, _argument: str) -> None:
        self._writer.write(b"221 2.0.0 bye\r\n")
        raise _Closed

    async def _mail(self, argument: str) -> None:
        usual = b"503 5.5.1 nested MAIL" if self._mail_from else b"250 2.1.0 ok"
        if await self._say("MAIL", argument, usual):
            self._mail_from = argument.removeprefix("FROM:<").removesuffix(">")

    async def _rcpt_to(self, argument: str) -> None:
        usual = b"250 2.1.5 ok" if self._mail_from else b"503 5.5.1 MAIL first"
        if await self._say("RCPT", argument, usual):
            self._rcpt = argument.removeprefix("TO:<").removesuffix(">")

    async def _data(self, argument: str) -> None:
        usual = b"354 go on" if self._rcpt else b"554 5.5.1 no valid recipients"
        if await self._say("DATA", argument, usual):
            content = b""
            while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
                content += line
            await self._content(content)

    async def _bdat(self, argument: str) -> None:
        content = await self._reader.readexactly(int(argument.split(" ", maxsplit=1)[0]))
        await self._content(content)

    async def _content(self, content: bytes) -> None:
        usual = (
            f"250 2.0.0 Ok: queued as Q{len(self._relay.taken) + 1}"
            if self._rcpt
            else "503 5.5.1 no recipient"
        )
        received = Received(self._mail_from, self._rcpt, content)
        self._mail_from = self._rcpt = ""
        if await self._say("CONTENT", received.rcpt, usual.encode()):
            self._relay.taken.append(received)


_HANDLERS = {
    "EHLO": "_ehlo",
    "AUTH": "_auth",
    "STARTTLS": "_starttls",
    "RSET": "_rset",
    "QUIT": "_quit",
    "MAIL": "_mail",
    "RCPT": "_rcpt_to",
    "DATA": "_data",
    "BDAT": "_bdat",
}
