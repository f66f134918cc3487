"""What the HTTP adapter proves about each message, against a gateway that answers as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from channels import http_client
from channels.http_client import Answer, Endpoint, HttpClient
from channels.protocol import Outcome, Outgoing, Reason, Result
from channels.sms.gateway import Gateway, GatewayChannel
from tests.channels.gateway import CLOSE, SILENT, ScriptedGateway, answer
from tests.channels.handing import HaltingFeed, Handed, messages, send

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def on_the_loop(work: Coroutine[Any, Any, Any]) -> Any:
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(work)

    return on_the_loop


def channel(port: int, *, connections: int = 4, **changes: Any) -> GatewayChannel:
    gateway = Gateway(
        url=f"http://127.0.0.1:{port}/messages",
        headers=("Authorization: Bearer secret",),
        sender="EXAMPLE",
        trusted=True,
        **changes,
    )
    return GatewayChannel(gateway=gateway, connections=connections)


def texts(count: int) -> list[Outgoing]:
    return messages(count, to="+44700{}", body="Grüße ☀".encode())


async def talk(
    script: Callable[[dict[str, Any]], bytes | None], *, count: int = 3, connections: int = 4
) -> tuple[Handed, ScriptedGateway]:
    async with ScriptedGateway(script=script) as gateway:
        return await send(channel(gateway.port, connections=connections), texts(count)), gateway


def first(reference: str, told: bytes) -> Callable[[dict[str, Any]], bytes | None]:
    """A script that gives `told` to one message."""
    return lambda body: told if body["reference"] == reference else None


def test_one_request_a_message_on_kept_connections(run: Run) -> None:
    """H-32, H-33: with the reference for receipts and the key for a repeat."""
    handed, gateway = run(talk(lambda _body: None, count=60))

    assert {result.outcome for result in handed.results.values()} == {Outcome.ACCEPTED}
    assert all(result.provider_id.startswith("g") for result in handed.results.values())
    assert {request.body["reference"] for request in gateway.requests} == {
        f"ref{number}" for number in range(60)
    }
    assert gateway.requests[0].body == {
        "reference": "ref0",
        "to": "+447000",
        "from": "EXAMPLE",
        "text": "Grüße ☀",
    }
    assert all(
        request.headers["idempotency-key"] == request.body["reference"] for request in gateway.requests
    )
    assert {request.headers["authorization"] for request in gateway.requests} == {"Bearer secret"}
    assert gateway.connections <= 4
    assert len(gateway.requests) == 60


NO_FAULT, FAULT = False, True
ANSWERS = [
    (answer(400, {}), Outcome.REFUSED, Reason.CONTENT_REJECTED, NO_FAULT),
    (answer(413, b"too large"), Outcome.REFUSED, Reason.CONTENT_REJECTED, NO_FAULT),
    (answer(422, {"error": {"code": "address_refused"}}), Outcome.REFUSED, Reason.ADDRESS_REFUSED, NO_FAULT),
    (answer(422, {"code": "template_error"}), Outcome.REFUSED, Reason.TEMPLATE_ERROR, NO_FAULT),
    (answer(403, {"error": {"code": "sender_rejected"}}), Outcome.REFUSED, Reason.SENDER_REJECTED, NO_FAULT),
    (answer(403, {}), Outcome.LATER, Reason.AUTH_FAILED, FAULT),
    (answer(401, {}), Outcome.LATER, Reason.AUTH_FAILED, FAULT),
    (answer(404, b""), Outcome.LATER, Reason.UNREACHABLE, FAULT),
    (answer(302, b"", Location="http://10.0.0.1/"), Outcome.LATER, Reason.UNREACHABLE, FAULT),
    (answer(429, {}, Retry_After="7"), Outcome.LATER, Reason.BUSY, FAULT),
    (answer(408, {}), Outcome.LATER, Reason.BUSY, NO_FAULT),
    (answer(503, {}, Retry_After="7"), Outcome.LATER, Reason.BUSY, NO_FAULT),
    (answer(503, {}), Outcome.UNKNOWN, Reason.NO_ANSWER, NO_FAULT),
    (answer(500, {}), Outcome.UNKNOWN, Reason.NO_ANSWER, NO_FAULT),
    (answer(502, b"<html>"), Outcome.UNKNOWN, Reason.NO_ANSWER, NO_FAULT),
    (answer(504, b""), Outcome.UNKNOWN, Reason.NO_ANSWER, NO_FAULT),
    (answer(409, {}), Outcome.UNKNOWN, Reason.NO_ANSWER, NO_FAULT),
    (answer(200, b"not json"), Outcome.ACCEPTED, None, NO_FAULT),
    (answer(422, {"code": "no_answer"}), Outcome.REFUSED, Reason.CONTENT_REJECTED, NO_FAULT),
    (answer(422, [1]), Outcome.REFUSED, Reason.CONTENT_REJECTED, NO_FAULT),
    (CLOSE, Outcome.UNKNOWN, Reason.NO_ANSWER, NO_FAULT),
    (b"HTTP/1.1 banana\r\n\r\n", Outcome.UNKNOWN, Reason.NO_ANSWER, NO_FAULT),
]


@pytest.mark.parametrize(("told", "outcome", "reason", "fault"), ANSWERS)
def test_each_answer_means_one_thing(
    run: Run, told: bytes, outcome: Outcome, reason: Reason | None, *, fault: bool
) -> None:
    """H-33, H-39"""
    handed, _ = run(talk(first("ref1", told), connections=1))

    result = handed.results[1]
    assert (result.outcome, result.reason, result.connection_fault) == (outcome, reason, fault)
    assert handed.results[0].outcome is Outcome.ACCEPTED
    if fault:
        assert handed.fault is not None
        assert handed.fault.reason is reason
        assert 2 not in handed.began, "the sender backs off"
    else:
        assert handed.results[2].outcome is Outcome.ACCEPTED
    if b"Retry-After" in told:
        assert result.retry_after == 7


def test_a_dead_connection_is_never_repeated_by_the_library(run: Run) -> None:
    """H-33: libcurl repeats a request on its own when a kept connection dies; here it must not."""
    handed, gateway = run(talk(first("ref2", CLOSE), count=5, connections=1))

    references = [request.body["reference"] for request in gateway.requests]
    assert references == ["ref0", "ref1", "ref2", "ref3", "ref4"]
    assert handed.results[2].outcome is Outcome.UNKNOWN
    assert gateway.connections == 2


def test_a_gateway_that_cannot_be_reached_took_nothing(run: Run) -> None:
    """H-33: refused connection: later, and nobody's attempt."""
    handed = run(send(channel(1), texts(5)))

    assert handed.fault is not None
    assert handed.fault.reason is Reason.UNREACHABLE
    assert handed.began == [0], "one message shows it"
    assert handed.results[0] == Result(
        Outcome.LATER, Reason.UNREACHABLE, detail=handed.results[0].detail, connection_fault=True
    )


def test_an_unknown_name_begins_nobody(run: Run) -> None:
    """H-33"""
    gateway = Gateway(url="https://gateway.invalid/", sender="X")
    handed = run(send(GatewayChannel(gateway=gateway), texts(2)))

    assert handed.fault is not None
    assert handed.began == []


@pytest.mark.parametrize("spelt", ["gateway.invalid", "GateWay.Invalid"])
def test_a_name_is_looked_up_once(run: Run, spelt: str) -> None:
    """Q-28: the request goes to the address that was judged, whatever the name says later."""

    async def pinned() -> tuple[Answer, ScriptedGateway]:
        async with ScriptedGateway() as gateway:
            endpoint = Endpoint(
                url=f"http://{spelt}:{gateway.port}/",
                host="gateway.invalid",
                port=gateway.port,
                addresses=("127.0.0.1",),
                headers=(),
            )
            client = HttpClient(endpoint, 1)
            answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            client.post(b'{"reference": "r"}', "key", answered.set_result)
            try:
                return await answered, gateway
            finally:
                client.close()

    told, gateway = run(pinned())

    assert told.status == 202
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("url", ["https://gateway.example./", "https://ga%74eway.example/", "https:///x"])
def test_a_host_spelt_oddly_is_not_connected_to(run: Run, url: str) -> None:
    """Q-28"""
    handed = run(send(GatewayChannel(gateway=Gateway(url=url, sender="X")), texts(1)))

    assert handed.fault is not None
    assert "host name" in handed.fault.detail
    assert handed.began == []


def test_silence_is_answered_in_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """H-33: unknown, because the whole request had left."""
    monkeypatch.setattr(http_client, "_TIMEOUT_MS", 200)
    handed, gateway = run(talk(first("ref1", SILENT), connections=1))

    assert handed.results[1].outcome is Outcome.UNKNOWN
    assert handed.results[2].outcome is Outcome.ACCEPTED
    assert len(gateway.requests) == 3


def test_after_a_halt_nothing_begins_and_what_began_is_answered(run: Run) -> None:
    """Q-04"""

    async def halted() -> tuple[Handed, int, int]:
        handed = Handed()
        feed = HaltingFeed(texts(1000), handed)
        began = -1

        def report(key: int, result: Result) -> None:
            nonlocal began
            handed.report(key, result)
            if len(handed.results) == 50:
                feed.halted = True
                began = len(handed.began)

        async with ScriptedGateway() as gateway:
            handed.fault = await channel(gateway.port).send(feed, report)
            return handed, began, len(gateway.requests)

    handed, began, requests = run(halted())

    assert len(handed.began) == began == requests
    assert handed.results.keys() == set(handed.began)


def test_a_cancelled_hand_over_answers_what_began(run: Run) -> None:
    """H-33"""

    async def cancelled() -> Handed:
        handed = Handed()
        async with ScriptedGateway(script=lambda _body: SILENT) as gateway:
            sending = asyncio.ensure_future(
                channel(gateway.port).send(HaltingFeed(texts(3), handed), handed.report)
            )
            while not gateway.requests:
                await asyncio.sleep(0.01)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            return handed

    handed = run(cancelled())

    assert handed.results.keys() == set(handed.began) == {0}
    assert handed.results[0].outcome is Outcome.UNKNOWN


def test_a_report_that_fails_is_not_swallowed(run: Run) -> None:
    """H-33: a broken dispatcher must be seen."""

    async def broken() -> None:
        def report(_key: int, _result: Result) -> None:
            raise RuntimeError("broken report")

        async with ScriptedGateway() as gateway:
            await channel(gateway.port).send(HaltingFeed(texts(3), Handed()), report)

    with pytest.raises(RuntimeError, match="broken report"):
        run(broken())


def test_the_fields_are_the_gateways_own(run: Run) -> None:
    """H-32"""

    async def renamed() -> tuple[Handed, ScriptedGateway]:
        script = lambda _body: answer(200, {"message_id": 42})  # noqa: E731
        async with ScriptedGateway(script=script) as gateway:
            own = channel(
                gateway.port,
                names={"reference": "ref", "to": "msisdn", "from": "source", "text": "body"},
                id_field="message_id",
                extra={"clock_shift": -60},
            )
            return await send(own, texts(1)), gateway

    handed, gateway = run(renamed())

    assert handed.results[0].provider_id == "42"
    assert json.dumps(gateway.requests[0].body, sort_keys=True, ensure_ascii=False) == (
        '{"body": "Grüße ☀", "clock_shift": -60, "msisdn": "+447000", "ref": "ref0", "source": "EXAMPLE"}'
    )
