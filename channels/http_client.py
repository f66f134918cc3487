"""libcurl's parallel transfers on the running event loop.

One handle is one connection that is kept alive. libcurl repeats a request by itself when a kept connection
turns out dead; it cannot here, because the body comes from a callback that is never rewound. So a body was
read to its end at most once, and what was not read to its end never left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

import pycurl

from channels.protocol import ANSWER_WITHIN

_TIMEOUT_MS = int((ANSWER_WITHIN - 0.5) * 1000)
_CONNECT_MS = 10_000
_ANSWER_MOST = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`addresses` are the numeric ones that `host` resolved to; no other is connected to."""

    url: str
    host: str
    port: int
    addresses: tuple[str, ...]
    headers: tuple[str, ...] = field(repr=False)

    def pins(self) -> list[str]:
        """What libcurl shall believe about the name; an address in the URL needs no name."""
        if ":" in self.host:
            return []
        return [f"{self.host}:{self.port}:{','.join(self.addresses)}"]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended. `status` is 0 without an answer; `left` tells whether the whole body may have
    left.
    """

    status: int
    body: bytes
    left: bool
    retry_after: float | None
    error: str


class _Transfer:
    """One kept connection and the request on it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.handle = pycurl.Curl()
        self.done: Callable[[Answer], None] | None = None
        self._headers = endpoint.headers
        self._length = 0
        self._body = BytesIO()
        self._answer = bytearray()
        options = (
            (pycurl.URL, endpoint.url),
            (pycurl.RESOLVE, endpoint.pins()),
            (pycurl.POST, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PROXY, ""),
            (pycurl.NETRC, 0),
            (pycurl.NOSIGNAL, 1),
            (pycurl.TCP_NODELAY, 1),
            (pycurl.CONNECTTIMEOUT_MS, _CONNECT_MS),
            (pycurl.TIMEOUT_MS, _TIMEOUT_MS),
            (pycurl.WRITEFUNCTION, self._receive),
        )
        for option, value in options:
            self.handle.setopt(option, value)

    def begin(self, body: bytes, repeat_key: str, done: Callable[[Answer], None]) -> None:
        self.done = done
        self._length = len(body)
        self._body = BytesIO(body)
        self._answer.clear()
        self.handle.setopt(pycurl.READFUNCTION, self._body.read)
        self.handle.setopt(pycurl.POSTFIELDSIZE, len(body))
        self.handle.setopt(pycurl.HTTPHEADER, [*self._headers, f"Idempotency-Key: {repeat_key}", "Expect:"])

    def end(self, error: str) -> None:
        done, self.done = self.done, None
        status = self.handle.getinfo(pycurl.RESPONSE_CODE)
        wait = self.handle.getinfo(pycurl.RETRY_AFTER)
        left = self._body.tell() == self._length
        answer = Answer(
            status if status >= 200 else 0, bytes(self._answer), left, float(wait) if wait else None, error
        )
        if done is not None:
            done(answer)

    def _receive(self, data: bytes) -> None:
        if len(self._answer) < _ANSWER_MOST:
            self._answer += data


class HttpClient:
    """Up to `connections` requests at a time to one endpoint."""

    def __init__(self, endpoint: Endpoint, connections: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._watched: dict[int, int] = {}
        self._busy: dict[pycurl.Curl, _Transfer] = {}
        self._idle = [_Transfer(endpoint) for _ in range(connections)]
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._schedule)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)

    @property
    def under_way(self) -> int:
        return len(self._busy)

    @property
    def free(self) -> bool:
        return bool(self._idle)

    def post(self, body: bytes, repeat_key: str, done: Callable[[Answer], None]) -> None:
        """Begin a request; `done` is called once, from the event loop. Only while `free`."""
        transfer = self._idle.pop()
        transfer.begin(body, repeat_key, done)
        self._busy[transfer.handle] = transfer
        self._multi.add_handle(transfer.handle)

    def close(self) -> None:
        """Break off whatever is under way; each gets its answer, without a status."""
        for transfer in list(self._busy.values()):
            self._ended(transfer, "The hand-over was broken off.")
        if self._timer:
            self._timer.cancel()
        for descriptor in list(self._watched):
            self._watch(pycurl.POLL_REMOVE, descriptor, self._multi, None)
        self._multi.close()

    # libcurl's two questions: which sockets to watch, and when to be called again

    def _watch(self, event: int, descriptor: int, _multi: object, _data: object) -> None:
        known = self._watched.pop(descriptor, 0)
        wanted = 0 if event == pycurl.POLL_REMOVE else event
        if known & pycurl.POLL_IN and not wanted & pycurl.POLL_IN:
            self._loop.remove_reader(descriptor)
        if known & pycurl.POLL_OUT and not wanted & pycurl.POLL_OUT:
            self._loop.remove_writer(descriptor)
        if wanted & pycurl.POLL_IN and not known & pycurl.POLL_IN:
            self._loop.add_reader(descriptor, self._act, descriptor, pycurl.CSELECT_IN)
        if wanted & pycurl.POLL_OUT and not known & pycurl.POLL_OUT:
            self._loop.add_writer(descriptor, self._act, descriptor, pycurl.CSELECT_OUT)
        if wanted:
            self._watched[descriptor] = wanted

    def _schedule(self, milliseconds: int) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if milliseconds == 0:
            self._timer = self._loop.call_soon(self._act, pycurl.SOCKET_TIMEOUT, 0)
        elif milliseconds > 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, descriptor: int, ready: int) -> None:
        self._multi.socket_action(descriptor, ready)
        left = 1
        while left:
            left, finished, failed = self._multi.info_read()
            for handle in finished:
                self._ended(self._busy[handle], "")
            for handle, _code, text in failed:
                self._ended(self._busy[handle], text)

    def _ended(self, transfer: _Transfer, error: str) -> None:
        del self._busy[transfer.handle]
        self._multi.remove_handle(transfer.handle)
        self._idle.append(transfer)
        transfer.end(error)
