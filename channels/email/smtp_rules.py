"""What an SMTP answer that is not a yes means for the message, as data (H-33, H-39)."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from channels.protocol import Outcome, Reason, Result

LATER, REFUSED, UNKNOWN = Outcome.LATER, Outcome.REFUSED, Outcome.UNKNOWN
_ANSWER = re.compile(rb"([2-5]\d\d)[ -]?(?:([245]\.\d{1,3}\.\d{1,3})\b)?")
_DETAIL_MOST = 300
# In the last column of a rule: the fault is the connection's.
CONNECTION = True


class Stage(StrEnum):
    """What was asked when the answer came."""

    GREETING = "greeting"
    HELLO = "hello"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


class Rule(NamedTuple):
    """The first whose stages, beginning of the code and beginning of the enhanced code fit decides."""

    stages: frozenset[Stage]
    code: str
    enhanced: str
    outcome: Outcome
    reason: Reason
    connection_fault: bool = False


_ANY = frozenset(Stage)
_OPENING = frozenset({Stage.GREETING, Stage.HELLO})
_ENVELOPE = frozenset({Stage.MAIL, Stage.RCPT, Stage.DATA})
_MAIL, _RCPT, _DATA = frozenset({Stage.MAIL}), frozenset({Stage.RCPT}), frozenset({Stage.DATA})
_CONTENT, _AUTH, _TLS = frozenset({Stage.CONTENT}), frozenset({Stage.AUTH}), frozenset({Stage.TLS})

RULES = (
    # the server closes: nothing that follows on this connection is taken
    Rule(_ANY, "421", "", LATER, Reason.BUSY, CONNECTION),
    Rule(_OPENING, "4", "", LATER, Reason.BUSY, CONNECTION),
    Rule(_OPENING, "5", "", LATER, Reason.SENDER_REJECTED, CONNECTION),
    Rule(_TLS, "", "", LATER, Reason.UNREACHABLE, CONNECTION),
    Rule(_AUTH, "4", "", LATER, Reason.BUSY, CONNECTION),
    Rule(_AUTH, "5", "", LATER, Reason.AUTH_FAILED, CONNECTION),
    # signed in too little: nobody's message is at fault
    Rule(_ENVELOPE, "530", "", LATER, Reason.AUTH_FAILED, CONNECTION),
    Rule(_ENVELOPE, "535", "", LATER, Reason.AUTH_FAILED, CONNECTION),
    Rule(_ENVELOPE, "538", "", LATER, Reason.AUTH_FAILED, CONNECTION),
    Rule(_ENVELOPE | _CONTENT, "4", "", LATER, Reason.BUSY),
    Rule(_MAIL, "552", "", REFUSED, Reason.CONTENT_REJECTED),
    Rule(_MAIL, "5", "", REFUSED, Reason.SENDER_REJECTED),
    Rule(_RCPT, "5", "5.7.", REFUSED, Reason.SENDER_REJECTED),  # relaying denied, host blocked
    Rule(_RCPT, "5", "", REFUSED, Reason.ADDRESS_REFUSED),
    Rule(_DATA, "5", "", REFUSED, Reason.CONTENT_REJECTED),
    Rule(_CONTENT, "5", "5.1.", REFUSED, Reason.ADDRESS_REFUSED),
    Rule(_CONTENT, "5", "5.2.", REFUSED, Reason.ADDRESS_REFUSED),
    Rule(_CONTENT, "5", "", REFUSED, Reason.CONTENT_REJECTED),
    # no answer anybody can read: proof of nothing once the content has left
    Rule(_CONTENT, "", "", UNKNOWN, Reason.NO_ANSWER),
    Rule(_ANY, "", "", LATER, Reason.UNREACHABLE, CONNECTION),
)


def classify(stage: Stage, answer: bytes) -> Result:
    """What the answer `answer` (its last line) means at `stage`."""
    read = _ANSWER.match(answer)
    code, enhanced = (read[1].decode(), (read[2] or b"").decode()) if read else ("", "")
    for rule in RULES:
        if stage in rule.stages and code.startswith(rule.code) and enhanced.startswith(rule.enhanced):
            detail = f"{stage}: {_readable(answer)}"
            return Result(rule.outcome, rule.reason, detail=detail, connection_fault=rule.connection_fault)
    raise AssertionError("the last rule fits everything")


def lost(*, content_left: bool, detail: str) -> Result:
    """What it means that the connection ended, or the time, before the answer."""
    if content_left:
        return Result(UNKNOWN, Reason.NO_ANSWER, detail=detail)
    return Result(LATER, Reason.UNREACHABLE, detail=detail, connection_fault=True)


def provider_id(answer: bytes) -> str:
    """The name the server gave the message: the last word of its yes ("250 2.0.0 Ok: queued as 4Xy…")."""
    return answer[answer.rfind(b" ") + 1 :].decode("ascii", "replace")[:200]


def _readable(answer: bytes) -> str:
    return "".join(filter(str.isprintable, answer.decode("utf-8", "replace")))[:_DETAIL_MOST]
