"""What the SMTP adapter proves about each message, against a relay that answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
import uvloop

from channels.email import session
from channels.email.opening import Relay, Security
from channels.email.smtp import SmtpChannel
from channels.protocol import Fault, Outcome, Reason, Result
from tests.channels.handing import BODY, HaltingFeed, Handed, messages, send
from tests.channels.relay import CLOSE, SILENT, Script, ScriptedRelay

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]

# The three ways to talk: BDAT, pipelined DATA, one command at a time.
WAYS = {
    "chunking": ("PIPELINING", "CHUNKING"),
    "pipelining": ("PIPELINING",),
    "plain": ("SIZE 1000",),
}


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run[Any]:
    def on_the_loop(work: Coroutine[Any, Any, T]) -> T:
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(work)

    return on_the_loop


@pytest.fixture(params=sorted(WAYS))
def offers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return WAYS[request.param]


def channel(port: int, *, connections: int = 1, user: str = "") -> SmtpChannel:
    relay = Relay(
        host="127.0.0.1", port=port, security=Security.NONE, user=user, password="secret", trusted=True
    )
    return SmtpChannel(
        relay=relay,
        envelope_from=lambda reference: b"b+%b@example.org" % reference.encode(),
        connections=connections,
    )


async def talk(
    script: Script, *, offers: tuple[str, ...], count: int = 3, connections: int = 1
) -> tuple[Handed, ScriptedRelay]:
    async with ScriptedRelay(offers=offers, script=script) as relay:
        return await send(channel(relay.port, connections=connections), messages(count)), relay


def usual(_verb: str, _argument: str) -> None:
    return None


def once(verb: str, about: str, answer: bytes) -> Script:
    """A script that gives `answer` the first time `verb` is asked about `about`."""
    left = [answer]

    def script(asked: str, argument: str) -> bytes | None:
        return left.pop() if left and asked == verb and about in argument else None

    return script


def always(verb: str, answer: bytes) -> Script:
    return lambda asked, _argument: answer if asked == verb else None


def test_every_message_arrives_whole_with_its_own_bounce_address(
    run: Run[Any], offers: tuple[str, ...]
) -> None:
    """H-33: accepted carries the provider's id. Nothing is dot-stuffed and nothing is lost at the seams."""
    handed, relay = run(talk(usual, offers=offers, count=50, connections=3))

    assert {result.outcome for result in handed.results.values()} == {Outcome.ACCEPTED}
    assert all(result.provider_id.startswith("Q") for result in handed.results.values())
    assert {taken.rcpt for taken in relay.taken} == {f"a{number}@example.com" for number in range(50)}
    assert all(taken.content == BODY for taken in relay.taken)
    assert all(
        taken.mail_from == taken.rcpt.replace("a", "b+ref", 1).replace("example.com", "example.org")
        for taken in relay.taken
    )
    assert handed.fault is None


REFUSALS = {
    ("MAIL", b"553 5.7.1 not yours"): Reason.SENDER_REJECTED,
    ("MAIL", b"552 5.3.4 too big"): Reason.CONTENT_REJECTED,
    ("RCPT", b"550 5.1.1 unknown"): Reason.ADDRESS_REFUSED,
    ("RCPT", b"554 5.7.1 relay access denied"): Reason.SENDER_REJECTED,
    ("CONTENT", b"554 5.7.1 spam"): Reason.CONTENT_REJECTED,
    ("CONTENT", b"550 5.1.1 unknown after all"): Reason.ADDRESS_REFUSED,
}


@pytest.mark.parametrize(("verb", "answer"), REFUSALS)
def test_a_final_no_concerns_one_message_only(
    run: Run[Any], offers: tuple[str, ...], verb: str, answer: bytes
) -> None:
    """H-33, H-39: refused, with its reason; the messages around it arrive under their own envelopes."""
    about = {"MAIL": "ref1@", "RCPT": "a1@", "CONTENT": "a1@"}[verb]
    handed, relay = run(talk(once(verb, about, answer), offers=offers))

    assert handed.results[1].outcome is Outcome.REFUSED
    assert handed.results[1].reason is REFUSALS[verb, answer]
    assert not handed.results[1].connection_fault
    assert [taken.rcpt for taken in relay.taken] == ["a0@example.com", "a2@example.com"]
    assert [taken.mail_from for taken in relay.taken] == ["b+ref0@example.org", "b+ref2@example.org"]
    assert handed.results[0].outcome is handed.results[2].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("MAIL", b"451 4.3.0 later"),
        ("RCPT", b"450 4.2.0 busy"),
        ("CONTENT", b"451 4.3.0 deferred"),
        ("CONTENT", b"452 full"),
    ],
)
def test_not_now_is_proof_that_nothing_was_taken(
    run: Run[Any], offers: tuple[str, ...], verb: str, answer: bytes
) -> None:
    """H-33, H-34: later, and this attempt counts."""
    about = {"MAIL": "ref1@", "RCPT": "a1@", "CONTENT": "a1@"}[verb]
    handed, relay = run(talk(once(verb, about, answer), offers=offers))

    result = handed.results[1]
    assert (result.outcome, result.reason, result.connection_fault) == (Outcome.LATER, Reason.BUSY, False)
    assert len(relay.taken) == 2


def test_a_data_command_refused_leaves_nothing_behind(run: Run[Any]) -> None:
    """H-33: the next message begins with a clean envelope."""
    handed, relay = run(talk(once("DATA", "", b"554 5.5.0 no"), offers=WAYS["pipelining"]))

    assert handed.results[0].reason is Reason.CONTENT_REJECTED
    assert [taken.mail_from for taken in relay.taken] == ["b+ref1@example.org", "b+ref2@example.org"]
    assert relay.said("RSET") == ["RSET"]


def test_a_relay_that_wants_the_content_of_a_refused_message_gets_none(run: Run[Any]) -> None:
    """H-33: RFC 2920 allows a 354 after a refused recipient; no content may leave then."""
    refused = once("RCPT", "a1@", b"550 5.1.1 unknown")

    def script(verb: str, argument: str) -> bytes | None:
        return b"354 go on anyway" if verb == "DATA" else refused(verb, argument)

    handed, relay = run(talk(script, offers=WAYS["pipelining"]))

    assert handed.results[1].reason is Reason.ADDRESS_REFUSED
    assert [taken.rcpt for taken in relay.taken] == ["a0@example.com", "a2@example.com"]
    assert all(taken.content == BODY for taken in relay.taken)


def test_a_connection_lost_before_the_content_proves_that_nothing_left(run: Run[Any]) -> None:
    """H-33: later, and nobody's attempt is used up."""
    handed, _ = run(talk(once("RCPT", "a1@", CLOSE), offers=WAYS["plain"]))

    result = handed.results[1]
    assert (result.outcome, result.reason) == (Outcome.LATER, Reason.UNREACHABLE)
    assert result.connection_fault
    assert handed.results[0].outcome is handed.results[2].outcome is Outcome.ACCEPTED


def test_a_connection_lost_after_the_content_is_unknown(run: Run[Any], offers: tuple[str, ...]) -> None:
    """H-33: no proof, so nobody may repeat it. What had not begun goes on over a new connection."""
    handed, relay = run(talk(once("CONTENT", "a1@", CLOSE), offers=offers, count=20))

    assert handed.results[1].outcome is Outcome.UNKNOWN
    assert handed.results[1].reason is Reason.NO_ANSWER
    assert not handed.results[1].connection_fault
    unknown = [key for key, result in handed.results.items() if result.outcome is Outcome.UNKNOWN]
    assert len(unknown) <= session.CHUNKED
    assert len(handed.results) == 20
    assert relay.connections == 2


def test_with_data_only_the_message_whose_content_left_is_unknown(run: Run[Any]) -> None:
    """H-33: the envelope that was out beside it is provably not a message."""
    handed, _ = run(talk(once("CONTENT", "a1@", CLOSE), offers=WAYS["pipelining"], count=5))

    outcomes = {key: result.outcome for key, result in handed.results.items()}
    assert outcomes == {
        0: Outcome.ACCEPTED,
        1: Outcome.UNKNOWN,
        2: Outcome.LATER,
        3: Outcome.ACCEPTED,
        4: Outcome.ACCEPTED,
    }
    assert handed.results[2].connection_fault


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "CONTENT"])
def test_after_421_nothing_behind_it_was_taken(run: Run[Any], offers: tuple[str, ...], verb: str) -> None:
    """H-33: a relay that limits messages a connection leaves nobody unconfirmed."""
    about = {"MAIL": "ref1@", "RCPT": "a1@", "CONTENT": "a1@"}[verb]
    handed, relay = run(talk(once(verb, about, b"421 4.7.0 too many"), offers=offers, count=12))

    later = {key for key, result in handed.results.items() if result.outcome is Outcome.LATER}
    assert 1 in later
    assert all(handed.results[key].connection_fault for key in later)
    assert {result.outcome for result in handed.results.values()} == {Outcome.ACCEPTED, Outcome.LATER}
    assert len(relay.taken) + len(later) == 12


@pytest.mark.parametrize(
    ("verb", "answer", "reason"),
    [
        ("CONNECT", b"554 5.7.1 go away", Reason.SENDER_REJECTED),
        ("CONNECT", b"421 4.3.2 full", Reason.BUSY),
        ("CONNECT", CLOSE, Reason.UNREACHABLE),
        ("EHLO", b"550 no", Reason.SENDER_REJECTED),
        ("AUTH", b"535 5.7.8 wrong", Reason.AUTH_FAILED),
        ("AUTH", b"454 4.7.0 later", Reason.BUSY),
    ],
)
def test_a_connection_that_cannot_be_had_begins_nobody(
    run: Run[Any], verb: str, answer: bytes, reason: Reason
) -> None:
    """H-33, H-39: the sender backs off; no message was taken and no attempt used up."""

    async def refused() -> Handed:
        async with ScriptedRelay(script=always(verb, answer)) as relay:
            return await send(channel(relay.port, connections=3, user="me"), messages(5))

    handed = run(refused())

    assert handed.fault is not None
    assert handed.fault.reason is reason
    assert handed.began == []


def test_a_refused_connection_and_an_unknown_name_begin_nobody(run: Run[Any]) -> None:
    """H-33"""
    unknown = SmtpChannel(
        relay=Relay(host="relay.invalid", port=25, security=Security.NONE, trusted=True),
        envelope_from=str.encode,
    )

    for tried in (channel(1), unknown):
        handed = run(send(tried, messages(2)))
        assert handed.fault is not None
        assert handed.fault.reason is Reason.UNREACHABLE
        assert handed.began == []


def test_starttls_is_never_done_without(run: Run[Any]) -> None:
    """H-33, Q-26: a relay that does not offer it gets neither password nor message."""

    async def unencrypted() -> tuple[Handed, ScriptedRelay]:
        async with ScriptedRelay() as relay:
            secured = SmtpChannel(
                relay=Relay(
                    host="127.0.0.1",
                    port=relay.port,
                    security=Security.STARTTLS,
                    user="me",
                    password="secret",
                    trusted=True,
                ),
                envelope_from=str.encode,
                connections=1,
            )
            return await send(secured, messages(1)), relay

    handed, relay = run(unencrypted())

    assert handed.fault is not None
    assert "STARTTLS" in handed.fault.detail
    assert handed.began == []
    assert not relay.said("AUTH")


def test_an_envelope_refused_for_missing_sign_in_is_nobodys_fault(
    run: Run[Any], offers: tuple[str, ...]
) -> None:
    """H-33, H-39: auth_failed, the connection's."""
    handed, relay = run(talk(always("MAIL", b"530 5.7.0 authentication required"), offers=offers, count=20))

    assert handed.fault is not None
    assert handed.fault.reason is Reason.AUTH_FAILED
    assert len(handed.began) < 20
    assert all(result.connection_fault for result in handed.results.values())
    assert relay.taken == []


@pytest.mark.parametrize(
    ("verb", "outcome"),
    [("RCPT", Outcome.LATER), ("CONTENT", Outcome.UNKNOWN)],
)
def test_silence_is_answered_in_time(
    run: Run[Any], monkeypatch: pytest.MonkeyPatch, verb: str, outcome: Outcome
) -> None:
    """H-33: within the limit every message has an answer, and the connection is given up."""
    monkeypatch.setattr(session, "_GIVEN_UP_AFTER", 0.1)
    handed, _ = run(talk(always(verb, SILENT), offers=WAYS["pipelining"], count=5))

    assert handed.results[0].outcome is outcome
    assert handed.fault is not None
    assert handed.fault.reason is Reason.UNREACHABLE
    assert len(handed.began) <= 2


def test_an_answer_nobody_can_read_proves_nothing(run: Run[Any], offers: tuple[str, ...]) -> None:
    """H-33: unknown after the content."""
    handed, _ = run(talk(once("CONTENT", "a0@", b"bonjour"), offers=offers))

    assert handed.results[0].outcome is Outcome.UNKNOWN


def test_an_address_that_could_be_a_command_never_reaches_the_wire(run: Run[Any]) -> None:
    """H-39, Q-27: refused without a byte."""

    async def injected() -> tuple[Handed, ScriptedRelay]:
        async with ScriptedRelay() as relay:
            bad = messages(2, to="a{}>\r\nRCPT TO:<victim@example.com")
            return await send(channel(relay.port), [*bad, *messages(3)[2:]]), relay

    handed, relay = run(injected())

    assert handed.results[0].reason is handed.results[1].reason is Reason.ADDRESS_REFUSED
    assert [taken.rcpt for taken in relay.taken] == ["a2@example.com"]


def test_after_a_halt_nothing_begins_and_what_began_is_answered(
    run: Run[Any], offers: tuple[str, ...]
) -> None:
    """Q-04"""

    async def halted() -> tuple[Handed, int, ScriptedRelay]:
        handed = Handed()
        feed = HaltingFeed(messages(2000), handed)
        began = -1

        def report(key: int, result: Result) -> None:
            nonlocal began
            handed.report(key, result)
            if len(handed.results) == 100:
                feed.halted = True
                began = len(handed.began)

        async with ScriptedRelay(offers=offers) as relay:
            handed.fault = await channel(relay.port, connections=4).send(feed, report)
            return handed, began, relay

    handed, began, relay = run(halted())

    assert len(handed.began) == began
    assert handed.results.keys() == set(handed.began)
    assert len(relay.taken) == began
    assert handed.fault is None


def test_a_cancelled_hand_over_answers_what_began(run: Run[Any]) -> None:
    """H-33: a worker that shuts down knows what became of everybody it took."""

    async def cancelled() -> Handed:
        handed = Handed()
        async with ScriptedRelay(offers=WAYS["pipelining"], script=always("CONTENT", SILENT)) as relay:
            sending = asyncio.ensure_future(
                channel(relay.port).send(HaltingFeed(messages(5), handed), handed.report)
            )
            while not relay.said("DATA"):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            return handed

    handed = run(cancelled())

    assert handed.results.keys() == set(handed.began)
    assert handed.results[0].outcome is Outcome.UNKNOWN


def test_a_fault_is_told_once_a_fresh_connection_carries_nothing(run: Run[Any]) -> None:
    """H-33: a relay that breaks every connection is not hammered."""
    handed, relay = run(talk(always("MAIL", CLOSE), offers=WAYS["chunking"], count=50, connections=2))

    assert handed.fault == Fault(Reason.UNREACHABLE, "The server closed the connection.")
    assert relay.connections == 2
