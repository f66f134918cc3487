"""An HTTP gateway that answers as a test tells it, and remembers every request byte for byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CLOSE = b"close"  # read the request, then break the connection
SILENT = b"silent"  # read the request, never answer


def answer(status: int, body: object = None, **headers: str) -> bytes:
    content = json.dumps(body).encode() if not isinstance(body, bytes) else body
    lines = [f"HTTP/1.1 {status} told", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass
class Request:
    target: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class ScriptedGateway:
    """`script` gets each request's body and gives the answer, None for 202."""

    script: Callable[[dict[str, Any]], bytes | None] = lambda _body: None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def __aenter__(self) -> ScriptedGateway:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head[1:-2])
                }
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                self.requests.append(Request(head[0].split(" ")[1], headers, body))
                told = self.script(body) or answer(202, {"id": f"g{len(self.requests)}"})
                if told == CLOSE:
                    return
                if told == SILENT:
                    await asyncio.Event().wait()
                writer.write(told)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
