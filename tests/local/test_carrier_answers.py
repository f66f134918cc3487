"""The carrier answers as told, over SMTP: content by DATA, pipelined, by chunks."""

import base64
import contextlib
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.local.carriers import Account, Carrier, Talk, mail, running, until


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    with running(tmp_path_factory.mktemp("answers")) as carrier:
        yield carrier


@pytest.fixture
def account(carrier: Carrier, request: pytest.FixtureRequest) -> Account:
    return carrier.account(f"a{abs(hash(request.node.name))}")


@pytest.fixture
def talk(account: Account) -> Iterator[Talk]:
    with contextlib.closing(account.talk()) as talk:
        yield talk


def pipelined(talk: Talk, *references: str) -> list[str]:
    """As a lane does: the content with the next envelope, one round trip a message."""
    talk.write(talk.envelope(references[0]) + b"DATA\r\n")
    replies = []
    for reference, following in zip(references, (*references[1:], ""), strict=True):
        for expected in ("250", "250", "354"):
            assert talk.reply().startswith(expected)
        more = talk.envelope(following) + b"DATA\r\n" if following else b""
        talk.write(mail(reference) + b".\r\n" + more)
        replies.append(talk.reply())
    return replies


def chunked(talk: Talk, *references: str) -> None:
    """All at once."""
    for reference in references:
        body = mail(reference)
        talk.write(talk.envelope(reference) + b"BDAT %d LAST\r\n" % len(body) + body)


def test_what_the_server_can_do_is_announced(talk: Talk) -> None:
    """H-01"""
    for extension in ("PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "AUTH PLAIN", "SIZE 26214400"):
        assert extension in talk.extensions


def test_pipelined_content_is_answered_one_by_one(account: Account, talk: Talk) -> None:
    """H-01"""
    replies = pipelined(talk, "r-1", "r-2", "r-3")

    assert [reply.rpartition("-")[2] for reply in replies] == ["1", "2", "3"]
    assert account.references() == ["r-1", "r-2", "r-3"]


def test_chunks_of_several_messages_may_be_in_flight(account: Account, talk: Talk) -> None:
    """H-01: BDAT; also in several chunks, and an empty last one."""
    chunked(talk, "r-1", "r-2")
    body = mail("r-3")
    talk.write(talk.envelope("r-3") + b"BDAT %d\r\n" % len(body) + body + b"BDAT 0 LAST\r\n")
    replies = [talk.reply() for _ in range(10)]

    assert sum("queued as" in reply for reply in replies) == 3
    assert account.references() == ["r-1", "r-2", "r-3"]
    assert account.get(f"/v1/outbox/{account.name}-3").content == body


def test_a_message_in_small_pieces_with_dots_arrives_as_it_was(account: Account, talk: Talk) -> None:
    """H-01: dot-stuffing, an end that is split over reads, lines that only look like the end."""
    content = mail("r-1") + b".leading\r\n..two\r\n\n.\nno end\r\n"
    stuffed = content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    for line in [*talk.envelope("r-1").decode().splitlines(), "DATA"]:
        talk.say(line)
    for at in range(0, len(stuffed), 7):
        talk.write(stuffed[at : at + 7])
        time.sleep(0)
    talk.reply()

    assert account.get(f"/v1/outbox/{account.name}-1").content == content


@pytest.mark.parametrize(
    ("code", "smtp"),
    [
        ("sender_rejected", "553"),
        ("address_refused", "550"),
        ("content_rejected", "554"),
        ("template_error", "554"),
        ("auth_failed", "535"),
        ("too_large", "552"),
    ],
)
def test_a_refusal_is_final_and_documented(account: Account, talk: Talk, code: str, smtp: str) -> None:
    """H-33, H-39: refused in both languages, and not recorded."""
    account.behaves(answer="refuse", code=code)
    answer = account.post("r-1")

    assert talk.hand_over("r-1")[:3] == smtp
    assert answer.json()["error"]["code"] == code
    assert 400 <= answer.status_code < 500
    assert account.ledger() == []
    assert account.stats()["refused"] == 2


@pytest.mark.parametrize(
    ("code", "smtp", "http"), [("busy", "450", 503), ("throttled", "421", 429), ("deferred", "451", 503)]
)
def test_later_is_proven_not_taken_and_says_when(
    account: Account, talk: Talk, code: str, smtp: str, http: int
) -> None:
    """H-33, H-34"""
    account.behaves(answer="later", code=code, retry_after=7)
    answer = account.post("r-1")

    assert talk.hand_over("r-1")[:3] == smtp
    assert (answer.status_code, answer.headers["Retry-After"]) == (http, "7")
    assert account.ledger() == []
    if code == "throttled":
        assert talk.reply() == ""


def test_a_mishap_may_happen_only_so_often(account: Account, talk: Talk) -> None:
    """H-34: later twice, then taken."""
    account.behaves(answer="later", code="deferred", times=2)

    assert [talk.hand_over("r-1")[:3] for _ in range(3)] == ["451", "451", "250"]


def test_a_lost_answer_leaves_its_row(account: Account, talk: Talk) -> None:
    """H-33 unknown: recorded, and the connection closed; what came before in the pipeline is answered."""
    account.behaves(answer="lose")
    with pytest.raises(httpx.RemoteProtocolError):
        account.post("r-1")
    replies = [talk.say(line)[:3] for line in (*talk.envelope("r-2").decode().splitlines(), "DATA")]
    talk.write(mail("r-2") + b".\r\n")

    assert (replies, talk.reply()) == (["250", "250", "354"], "")
    assert [(row["reference"], row["answer"]) for row in account.ledger()] == [
        ("r-1", "lost"),
        ("r-2", "lost"),
    ]


def test_what_was_accepted_before_a_lost_answer_is_answered(account: Account, talk: Talk) -> None:
    """H-33: chunks in flight."""
    bodies = [(reference, mail(reference)) for reference in ("r-1", "r-2", "r-3")]
    to = {"r-2": "lose-answer@example.com"}
    talk.write(
        b"".join(
            talk.envelope(reference, to=to.get(reference, "ann@example.com"))
            + b"BDAT %d LAST\r\n" % len(body)
            + body
            for reference, body in bodies
        )
    )
    replies = [talk.reply() for _ in range(6)]

    assert [reply[:3] for reply in replies] == ["250", "250", "250", "250", "250", ""]
    assert account.references() == ["r-1", "r-2"]


@pytest.mark.parametrize("at", ["mail", "rcpt", "body", "data"])
def test_a_broken_connection_leaves_nothing(account: Account, talk: Talk, at: str) -> None:
    """H-33: before the content, in the middle of it and after it."""
    account.behaves(answer="drop", at=at)
    body = mail("r-1")
    talk.write(talk.envelope("r-1") + b"BDAT %d LAST\r\n" % len(body) + body)
    replies = [talk.reply() for _ in range(3)]
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        account.post("r-2")

    assert replies[-1] == ""
    assert account.ledger() == []
    assert account.stats()["dropped"] == 2


def test_a_slow_answer_is_recorded_at_once(account: Account, talk: Talk) -> None:
    """H-33: a client that does not wait cannot know, and the ledger does."""
    account.behaves(answer="slow", ms=300)
    begun = time.monotonic()
    chunked(talk, "r-1")
    until(lambda: account.references() == ["r-1"], "the row")
    recorded = time.monotonic() - begun
    replies = [talk.reply()[:3] for _ in range(3)]

    assert replies == ["250", "250", "250"]
    assert recorded < time.monotonic() - begun
    assert time.monotonic() - begun >= 0.3
    assert account.post("r-2").status_code == 202


def test_a_stalled_message_waits_until_it_is_let_go(account: Account, talk: Talk) -> None:
    """H-33: the bytes are taken, nothing is recorded; another behaviour lets go."""
    account.behaves(answer="stall")
    chunked(talk, "r-1", "r-2")
    until(lambda: account.stats()["stalled"] == 1, "the stall")
    assert account.ledger() == []
    account.behaves(answer="accept")

    assert [talk.reply()[:3] for _ in range(6)] == ["250"] * 6
    assert account.references() == ["r-1", "r-2"]


def test_who_leaves_a_stalled_carrier_left_nothing_behind(account: Account, talk: Talk) -> None:
    """H-33"""
    account.behaves(answer="stall")
    chunked(talk, "r-1")
    until(lambda: account.stats()["stalled"] == 1, "the stall")
    talk.close()
    until(lambda: account.stats()["stalled"] == 0, "the leave")
    account.behaves(answer="accept")

    assert account.send("r-2").endswith(f"{account.name}-1")


def test_a_stall_may_end_by_itself(account: Account) -> None:
    """H-33"""
    account.behaves(answer="stall", seconds=0.05)

    assert account.post("r-1").status_code == 202
    assert account.send("r-2").startswith("250")


def test_an_envelope_may_stall_too(account: Account, talk: Talk) -> None:
    """H-33: nothing of the content was asked for yet."""
    account.behaves(answer="stall", at="rcpt", seconds=0.05)

    assert talk.hand_over("r-1").startswith("250")


@pytest.mark.parametrize(
    ("name", "number", "reply", "recorded"),
    [
        ("refuse@example.com", "+447700009901", "550", 0),
        ("refuse+content_rejected@example.com", "+447700009901", "554", 0),
        ("later@example.com", "+447700009902", "450", 0),
        ("later+throttled@example.com", "+447700009902", "421", 0),
        ("lose-answer@example.com", "+447700009903", "", 2),
        ("drop@example.com", "+447700009904", "", 0),
        ("drop+body@example.com", "+447700009904", "", 0),
        ("stall+0@example.com", "+447700000000", "250", 2),
        ("slow+5@example.com", "+447700009906", "250", 2),
    ],
)
def test_a_test_address_has_its_own_behaviour(
    account: Account, talk: Talk, name: str, number: str, reply: str, recorded: int
) -> None:
    """H-01"""
    assert talk.hand_over("r-1", to=name)[:3] == reply
    with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError):
        account.post("r-2", to=number)
    assert len(account.ledger()) == recorded


def test_real_customers_may_be_called_slow(carrier: Carrier) -> None:
    """H-01: test addresses can be switched off, as the demo does."""
    account = carrier.account("plain", test_addresses=False)

    assert account.send("r-1", to="refuse@example.com").startswith("250")
    assert account.post("r-2", to="+447700009904").status_code == 202


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("HELO there", "250"),
        ("RCPT TO:<ann@example.com>", "503"),
        ("DATA", "503"),
        ("MAIL FROM:<b@mail.example> SIZE=99999999", "552"),
        ("MAIL FROM", "501"),
        ("AUTH LOGIN", "504"),
        ("AUTH PLAIN %%%", "501"),
        ("AUTH PLAIN AGEAYg==", "535"),
        ("NOOP", "250"),
        ("VRFY ann", "252"),
        ("EXPN list", "500"),
        ("RSET", "250"),
        ("QUIT", "221"),
    ],
)
def test_every_command_has_its_reply(talk: Talk, line: str, reply: str) -> None:
    """H-33"""
    assert talk.say(line).startswith(reply)


def test_after_a_refused_recipient_the_client_says_rset(account: Account, talk: Talk) -> None:
    """H-33: as relays want it."""
    assert talk.hand_over("r-1", to="refuse@example.com").startswith("550")
    assert talk.say("DATA").startswith("503")
    assert talk.say("MAIL FROM:<b@mail.example>").startswith("503")
    assert talk.say("RSET").startswith("250")
    assert talk.hand_over("r-2").startswith("250")
    assert account.references() == ["r-2"]


def test_credentials_may_come_on_a_line_of_their_own(account: Account) -> None:
    """H-01"""
    with contextlib.closing(Talk(account.carrier.smtp_port)) as talk:
        assert talk.say("AUTH PLAIN").startswith("334")
        assert talk.say(base64.b64encode(f"\0{account.name}\0{account.key}".encode()).decode()).startswith(
            "235"
        )
        assert talk.hand_over("r-1").endswith(f"{account.name}-1")


def test_a_mail_may_be_large_but_not_boundless(account: Account, talk: Talk) -> None:
    """H-33: SIZE"""
    body = mail("r-1") + b"x" * 70 * 2**10 + b"\r\n" + b"y" * 3_000_000 + b"\r\n"
    talk.write(talk.envelope("r-1") + b"DATA\r\n" + body + b".\r\n")
    talk.write(talk.envelope("r-2") + b"BDAT 26214401 LAST\r\n")
    replies = [talk.reply()[:3] for _ in range(7)]

    assert replies == ["250", "250", "354", "250", "250", "250", "552"]
    assert account.ledger()[0]["size"] == str(len(body))
