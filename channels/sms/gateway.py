"""The HTTP gateway adapter: one JSON request a message, on kept connections."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from channels.http_client import Answer, Endpoint, HttpClient
from channels.outbound import AddressRefused, resolve
from channels.protocol import Fault, Feed, Outcome, Outgoing, Reason, Report, Result
from channels.sms.gateway_rules import classify

_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Where and how to hand over. `names` maps ours (`reference`, `to`, `from`, `text`) to the gateway's
    fields.
    """

    url: str
    headers: tuple[str, ...] = field(default=(), repr=False)
    sender: str
    names: Mapping[str, str] = field(
        default_factory=lambda: {name: name for name in ("reference", "to", "from", "text")}
    )
    id_field: str = "id"
    extra: Mapping[str, Any] = field(default_factory=dict)
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayChannel:
    gateway: Gateway
    connections: int = 16

    async def send(self, feed: Feed, report: Report) -> Fault | None:
        if not await feed.wait():
            return None
        try:
            endpoint = await _endpoint(self.gateway)
        except (AddressRefused, OSError, ValueError) as error:
            return Fault(Reason.UNREACHABLE, str(error)[:300])
        handover = _HandOver(self.gateway, HttpClient(endpoint, self.connections), feed, report)
        return await handover.work()


class _HandOver:
    """Takes from the feed while connections are free, beginning with one until the gateway has answered."""

    def __init__(self, gateway: Gateway, client: HttpClient, feed: Feed, report: Report) -> None:
        self._gateway = gateway
        self._names = gateway.names
        self._client = client
        self._feed = feed
        self._report = report
        self._width = 1
        self._fault: Result | None = None
        self._starved = False
        self._wake = asyncio.Event()
        self._broken: BaseException | None = None

    async def work(self) -> Fault | None:
        try:
            while self._fault is None and self._broken is None and await self._feed.wait():
                self._starved = False
                self._begin()
                while not (self._starved or self._fault or self._broken):
                    await self._woken()
            while self._client.under_way:
                await self._woken()
        finally:
            self._starved = True  # nothing more begins, whatever is answered now
            self._client.close()
        if self._broken is not None:
            raise self._broken
        fault = self._fault
        return Fault(fault.reason or Reason.UNREACHABLE, fault.detail, fault.retry_after) if fault else None

    async def _woken(self) -> None:
        await self._wake.wait()
        self._wake.clear()

    def _begin(self) -> None:
        while self._fault is None and self._client.free and self._client.under_way < self._width:
            message = self._feed.take()
            if message is None:
                self._starved = True
                self._wake.set()
                return
            self._post(message)

    def _post(self, message: Outgoing) -> None:
        names = self._names
        body = {
            names["reference"]: message.reference,
            names["to"]: message.to,
            names["from"]: self._gateway.sender,
            names["text"]: message.body.decode(),
            **self._gateway.extra,
        }

        def answered(answer: Answer) -> None:
            self._answered(message.key, answer)

        self._client.post(json.dumps(body, ensure_ascii=False).encode(), message.repeat_key, answered)

    def _answered(self, key: int, answer: Answer) -> None:
        result = classify(answer, self._gateway.id_field)
        if result.outcome is Outcome.ACCEPTED:
            self._width += 1
        elif result.connection_fault and self._fault is None:
            self._fault = result
        try:
            self._report(key, result)
            if not self._starved:
                self._begin()
        except Exception as error:  # noqa: BLE001 - libcurl's callback would swallow it; work() raises it
            self._broken = error
        if self._client.under_way == 0 or self._fault or self._broken:
            self._wake.set()


async def _endpoint(gateway: Gateway) -> Endpoint:
    address = urlsplit(gateway.url)
    host = address.hostname or ""
    if not _HOST.fullmatch(host):  # in any other spelling libcurl might look the name up again
        raise ValueError(f"“{host}” is no host name.")
    port = address.port or (443 if address.scheme == "https" else 80)
    addresses = await resolve(host, port, trusted=gateway.trusted)
    return Endpoint(
        url=gateway.url,
        host=host,
        port=port,
        addresses=tuple(f"[{found}]" if ":" in found else found for found in addresses),
        headers=("Content-Type: application/json", *gateway.headers),
    )
