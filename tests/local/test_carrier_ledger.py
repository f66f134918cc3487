"""What the carrier has accepted is in its ledger, whatever happens to it."""

import contextlib
import hashlib
import json
import signal
import smtplib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.local.carriers import PATIENCE, Account, Carrier, Talk, mail, running, until


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[Carrier]:
    with running(tmp_path / "carrier") as carrier:
        yield carrier


def test_the_ledger_names_what_a_test_of_the_send_needs(carrier: Carrier) -> None:
    """H-01: reference, envelope, size and a hash of the body, one row a message."""
    account = carrier.account("acme")
    reply = account.send("r-1", to="ann@example.com")
    account.post("r-2", headers={"Idempotency-Key": "k-2"}, clock_shift=-3600)

    by_mail, by_http = account.ledger()
    assert reply == "250 2.0.0 queued as acme-1"
    assert by_mail | {"at": ""} == {
        "seq": "1",
        "at": "",
        "via": "smtp",
        "reference": "r-1",
        "key": "",
        "part": "0",
        "message_id": "r-1",
        "sender": "b+r-1@mail.example",
        "recipient": "ann@example.com",
        "size": str(len(mail("r-1"))),
        "sha": hashlib.sha256(b"Hello\r\n").hexdigest()[:32],
        "shift": "0",
        "answer": "ok",
    }
    assert (by_http["reference"], by_http["key"], by_http["shift"]) == ("r-2", "k-2", "-3600")
    assert int(by_mail["at"]) <= int(by_http["at"])


def test_each_recipient_of_a_mail_is_a_row(carrier: Carrier) -> None:
    """H-01"""
    account = carrier.account("acme")
    with smtplib.SMTP("127.0.0.1", carrier.smtp_port) as client:
        client.login("acme", account.key)
        client.sendmail("us@mail.example", ["ann@example.com", "bob@example.com"], mail("r-1"))

    assert [row["recipient"] for row in account.ledger()] == ["ann@example.com", "bob@example.com"]


def _hand_over_for_ever(account: Account, number: int, acknowledged: list[str]) -> None:
    """By SMTP, several in flight, until the connection dies."""
    talk, count = account.talk(), 0
    with contextlib.closing(talk), contextlib.suppress(ConnectionResetError):
        while True:
            names = [f"s{number}-{count + i}" for i in range(5)]
            bodies = [mail(name) for name in names]
            talk.write(
                b"".join(
                    talk.envelope(name) + b"BDAT %d LAST\r\n" % len(body) + body
                    for name, body in zip(names, bodies, strict=True)
                )
            )
            for name in names:
                replies = [talk.reply() for _ in range(3)]
                if not replies[-1]:
                    return
                acknowledged.append(name)
            count += len(names)


def _post_for_ever(account: Account, number: int, acknowledged: list[str]) -> None:
    address = ("127.0.0.1", account.carrier.http_port)
    with socket.create_connection(address, timeout=PATIENCE) as client, client.makefile("rb") as answers:
        count = 0
        while True:
            count += 1
            name = f"h{number}-{count}"
            body = json.dumps({"reference": name, "to": "+447700900123", "from": "A", "text": "x"}).encode()
            head = f"POST /v1/messages HTTP/1.1\r\nAuthorization: Bearer {account.key}\r\n"
            try:
                client.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                answer = b""
                while line := answers.readline().strip():
                    answer += line
                if not answers.read(len('{"id":"acme-0"}')):
                    return
            except (ConnectionResetError, BrokenPipeError):
                return
            assert b" 202 " in answer
            acknowledged.append(name)


def _is_longer(names: list[str], length: int) -> bool:
    return len(names) >= length


def test_a_killed_carrier_has_every_message_that_it_acknowledged(carrier: Carrier) -> None:
    """H-01: written before the answer leaves, over SMTP and HTTP, and no number is used twice."""
    account = carrier.account("acme", keep_bodies=0)
    acknowledged: list[str] = []
    for turn in range(3):
        workers = [
            threading.Thread(target=work, args=(account, 10 * turn + number, acknowledged))
            for number, work in enumerate((_hand_over_for_ever, _hand_over_for_ever, _post_for_ever))
        ]
        before = len(acknowledged)
        for worker in workers:
            worker.start()
        until(partial(_is_longer, acknowledged, before + 500), "500 messages")
        carrier.end(signal.SIGKILL)
        for worker in workers:
            worker.join()
        carrier.start()

    rows = account.ledger()
    assert set(acknowledged) <= {row["reference"] for row in rows}
    assert [int(row["seq"]) for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["reference"] for row in rows}) == len(rows)
    assert account.send("afterwards").endswith(f"acme-{len(rows) + 1}")


def test_a_line_torn_by_a_crash_is_cut_off(carrier: Carrier) -> None:
    """H-01: it was never answered, so it does not count."""
    account = carrier.account("acme")
    account.send("r-1")
    carrier.end(signal.SIGKILL)
    with (carrier.home / "ledger" / "acme.log").open("a") as file:
        file.write("2\t17955\tsmtp\tr-torn")
    carrier.start()

    assert account.send("r-2").endswith("acme-2")
    assert account.references() == ["r-1", "r-2"]


def test_a_carrier_that_cannot_write_its_ledger_stops_without_an_answer(carrier: Carrier) -> None:
    """H-01"""
    account = carrier.account("acme", keep_bodies=0)
    carrier.limit_files_to((carrier.home / "ledger" / "acme.log").stat().st_size + 400)
    acknowledged, talk = 0, account.talk()
    with contextlib.closing(talk):
        while talk.hand_over(f"r-{acknowledged}").startswith("250"):
            acknowledged += 1
    until(lambda: carrier.process.poll() is not None, "it ends by itself")
    code, said = carrier.end()
    carrier.start()

    assert (code, acknowledged) == (1, len(account.ledger()))
    assert "the ledger cannot be written" in said


def test_synced_messages_arrive_too(carrier: Carrier) -> None:
    """H-01: `--fsync`"""
    carrier.end()
    carrier.start("--fsync")
    account = carrier.account("acme")

    assert account.send("r-1").startswith("250")
    assert account.references() == ["r-1"]


def test_a_stop_says_goodbye_and_the_next_start_goes_on(carrier: Carrier) -> None:
    """H-01: SIGTERM"""
    account = carrier.account("acme")
    account.send("r-1")
    talk = account.talk()
    code, said = carrier.end()
    with contextlib.closing(talk):
        assert talk.reply().startswith("421")
    carrier.start()

    assert (code, "ready" in said) == (0, True)
    assert account.send("r-2").endswith("acme-2")
    assert [message["reference"] for message in account.get("/v1/outbox").json()] == ["r-2", "r-1"]


def test_a_second_carrier_on_the_same_home_is_refused(carrier: Carrier) -> None:
    """H-01: two writers would ruin one ledger."""
    second = carrier.spawn("--smtp-port", "0", "--http-port", "0")
    said, _ = second.communicate(timeout=PATIENCE)

    assert second.returncode == 1
    assert said.splitlines() == [
        f"carrier: another carrier runs on {carrier.home}; stop it or choose another --home"
    ]


def test_a_port_in_use_is_one_clear_line(carrier: Carrier, tmp_path: Path) -> None:
    """H-01"""
    elsewhere = object.__new__(Carrier)
    elsewhere.home = tmp_path / "elsewhere"
    second = elsewhere.spawn("--smtp-port", str(carrier.smtp_port), "--http-port", "0")
    said, _ = second.communicate(timeout=PATIENCE)

    assert second.returncode == 1
    assert said.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{carrier.smtp_port}" in said


def test_a_damaged_file_of_accounts_is_named(carrier: Carrier) -> None:
    """H-01"""
    carrier.end()
    (carrier.home / "accounts.json").write_text('[{"account": 5}]')
    broken = carrier.spawn("--smtp-port", "0", "--http-port", "0")
    said, _ = broken.communicate(timeout=PATIENCE)
    (carrier.home / "accounts.json").unlink()

    assert broken.returncode == 1
    assert "accounts.json is damaged" in said


def test_mail_to_members_needs_no_account(carrier: Carrier) -> None:
    """H-01: the account `platform`, from the loopback interface."""
    with contextlib.closing(Talk(carrier.smtp_port)) as talk:
        assert talk.hand_over("notice-1").endswith("platform-1")
