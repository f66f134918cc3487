"""What the sandbox carrier answers over HTTP, as told."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.local.carriers import Account, Carrier, running


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    with running(tmp_path_factory.mktemp("answers")) as carrier:
        yield carrier


@pytest.fixture
def account(carrier: Carrier, request: pytest.FixtureRequest) -> Account:
    return carrier.account(f"a{abs(hash(request.node.name))}")


def _batch(account: Account, references: list[str], **headers: str) -> list[dict[str, object]]:
    messages = [{"reference": each, "to": "+447700900123", "from": "A", "text": "x"} for each in references]
    answer = httpx.post(
        f"{account.carrier.url}/v1/messages:batch",
        json={"messages": messages},
        headers=account.headers | headers,
    )
    results: list[dict[str, object]] = answer.json()["results"]
    return results


def test_a_batch_is_answered_message_by_message(account: Account) -> None:
    """H-32, H-33"""
    messages = [
        {"reference": reference, "to": to, "from": "A", "text": "x"}
        for reference, to in (("r-1", "+447700900123"), ("r-2", "+447700009901"), ("r-3", "+447700009902"))
    ]
    answer = httpx.post(
        f"{account.carrier.url}/v1/messages:batch", json={"messages": messages}, headers=account.headers
    ).json()["results"]

    assert [result["status"] for result in answer] == [202, 422, 503]
    assert answer[0]["id"] == f"{account.name}-1"
    assert (answer[1]["error"]["code"], answer[2]["retry_after"]) == ("address_refused", 1)
    assert account.references() == ["r-1"]


def test_a_number_that_is_none_is_refused_by_an_sms_account(carrier: Carrier) -> None:
    """H-39: address_refused"""
    account = carrier.account("sms-only", channel="sms")

    assert account.post("r-1", to="ann@example.com").json()["error"]["code"] == "address_refused"


def test_a_repeated_key_gets_the_same_answer_and_no_second_row(account: Account) -> None:
    """H-32: single and batch; a key for something else is refused."""
    headers = {"Idempotency-Key": "k-1"}
    first, again = account.post("r-1", headers=headers), account.post("r-1", headers=headers)
    other = account.post("r-1", headers=headers, text="Changed")
    batches = [_batch(account, ["r-2", "r-3"], **{"Idempotency-Key": "k-2"}) for _ in range(2)]

    assert first.json() == again.json() == {"id": f"{account.name}-1"}
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")
    assert batches[0] == batches[1]
    assert account.references() == ["r-1", "r-2", "r-3"]


def test_a_key_settles_a_lost_answer(account: Account) -> None:
    """H-32, H-34: asked again with the same key, the carrier tells what it has."""
    account.behaves(answer="lose", times=1)
    headers = {"Idempotency-Key": "k-1"}
    with pytest.raises(httpx.RemoteProtocolError):
        account.post("r-1", headers=headers)

    assert account.post("r-1", headers=headers).json() == {"id": f"{account.name}-1"}
    assert len(account.ledger()) == 1


def test_an_account_may_ignore_keys(carrier: Carrier) -> None:
    """H-32: a provider that does not honour a repeat key doubles the message."""
    account = carrier.account("careless", honours_key=False)
    for _ in range(2):
        account.post("r-1", headers={"Idempotency-Key": "k-1"})

    assert account.references() == ["r-1", "r-1"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"reference": ""}, "reference"),
        ({"to": 5}, "to"),
        ({"from": "a\nb"}, "from"),
        ({"text": None}, "text"),
        ({"clock_shift": "now"}, "clock_shift"),
    ],
)
def test_bad_messages_are_told_what_is_wrong(account: Account, message: dict[str, object], says: str) -> None:
    """H-33: nothing is recorded of them."""
    whole = {"reference": "r-1", "to": "+447700900123", "from": "A", "text": "x"} | message
    answer = httpx.post(f"{account.carrier.url}/v1/messages", json=whole, headers=account.headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(says)
    assert account.ledger() == []


def test_requests_may_be_pipelined(account: Account) -> None:
    """H-01: answered in order on one connection, also when one of them waits."""
    requests = b""
    for number, to in enumerate(("+447700900123", "+447700009906", "+447700900124")):
        body = json.dumps({"reference": f"r-{number}", "to": to, "from": "A", "text": "x"}).encode()
        requests += f"POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {account.key}\r\n".encode()
        requests += b"Connection: close\r\n" if number == 2 else b""
        requests += b"Content-Length: %d\r\n\r\n" % len(body) + body
    answers = _raw(account.carrier.http_port, requests)

    ids = [part.partition(b'"}')[0].decode() for part in answers.split(b'{"id":"')[1:]]
    assert ids == [f"{account.name}-{number}" for number in (1, 2, 3)]


def _raw(port: int, request: bytes) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as client,
        client.makefile("rb") as answers,
    ):
        client.sendall(request)
        return answers.read()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST /v1/messages HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"nonsense\r\nConnection: close\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 40000, b"431"),
        (b"GET /nowhere HTTP/1.0\r\n\r\n", b"404"),
    ],
)
def test_requests_that_cannot_be_served_are_told_so(carrier: Carrier, request_: bytes, status: bytes) -> None:
    """H-33"""
    assert _raw(carrier.http_port, request_).split(b" ")[1] == status


def test_chances_follow_from_the_seed_and_the_reference(carrier: Carrier) -> None:
    """H-33: the same refusals whenever they come; other mishaps befall a reference once."""
    refused = []
    for name in ("one", "two"):
        account = carrier.account(name, seed=7, behaviour={"refuse": 0.2, "later": 0.3})
        answers = [_batch(account, [f"r-{i}" for i in range(200)]) for _ in range(2)]
        statuses = [[result["status"] for result in answer] for answer in answers]
        refused.append([i for i, status in enumerate(statuses[0]) if status == 422])
        assert [i for i, status in enumerate(statuses[1]) if status == 422] == refused[-1]
        assert 30 < statuses[0].count(503) < 90
        assert statuses[1].count(503) == 0

    assert refused[0] == refused[1]
    assert 20 < len(refused[0]) < 60
