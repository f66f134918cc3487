"""What an HTTP answer means for the message, as data (H-33, H-39)."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from channels.http_client import Answer
from channels.protocol import Outcome, Reason, Result

ACCEPTED, REFUSED, LATER, UNKNOWN = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.LATER, Outcome.UNKNOWN
_FINAL = {
    Reason.SENDER_REJECTED,
    Reason.TEMPLATE_ERROR,
    Reason.CONTENT_REJECTED,
    Reason.ADDRESS_REFUSED,
}


# In the last columns of a rule: the fault is the connection's; the rule holds only if a time to wait is
# named.
CONNECTION = ASKED = True


class Rule(NamedTuple):
    """The first whose range of statuses fits decides; `asked` rules need the answer to name a time to wait."""

    first: int
    last: int
    outcome: Outcome
    reason: Reason | None
    connection_fault: bool = False
    asked: bool = False


RULES = (
    Rule(200, 299, ACCEPTED, None),
    Rule(300, 399, LATER, Reason.UNREACHABLE, CONNECTION),  # moved: nothing was taken here
    Rule(401, 401, LATER, Reason.AUTH_FAILED, CONNECTION),
    Rule(403, 403, LATER, Reason.AUTH_FAILED, CONNECTION),
    Rule(407, 407, LATER, Reason.AUTH_FAILED, CONNECTION),
    Rule(404, 405, LATER, Reason.UNREACHABLE, CONNECTION),  # a wrong address: nobody's message is at fault
    Rule(410, 410, LATER, Reason.UNREACHABLE, CONNECTION),
    Rule(408, 408, LATER, Reason.BUSY),  # the request did not arrive whole
    Rule(425, 425, LATER, Reason.BUSY),
    Rule(409, 409, UNKNOWN, Reason.NO_ANSWER),  # another with this key is being worked on
    Rule(429, 429, LATER, Reason.BUSY, CONNECTION),
    Rule(400, 499, REFUSED, Reason.CONTENT_REJECTED),
    Rule(503, 503, LATER, Reason.BUSY, asked=ASKED),  # one that asks for a repeat has taken nothing
    Rule(500, 599, UNKNOWN, Reason.NO_ANSWER),  # it may have taken the message before it failed
)


def classify(answer: Answer, id_field: str) -> Result:
    """A gateway may name the reason of a final no itself: `{"error": {"code": "address_refused"}}` or
    `{"code": …}`.
    """
    if not answer.status:
        return _unanswered(answer)
    told = _read(answer.body)
    rule = next((rule for rule in RULES if _fits(rule, answer)), None)
    if rule is None:
        return Result(UNKNOWN, Reason.NO_ANSWER, detail=f"HTTP {answer.status}")
    if rule.outcome is ACCEPTED:
        return Result(ACCEPTED, None, str(told.get(id_field, ""))[:200])
    named = _named_reason(told)
    detail = f"HTTP {answer.status} {_message(told)}".strip()[:300]
    if named and 400 <= answer.status < 500 and rule.reason is not Reason.BUSY:
        return Result(REFUSED, named, detail=detail)
    return Result(
        rule.outcome,
        rule.reason,
        retry_after=answer.retry_after,
        detail=detail,
        connection_fault=rule.connection_fault,
    )


def _unanswered(answer: Answer) -> Result:
    if answer.left:
        return Result(UNKNOWN, Reason.NO_ANSWER, detail=answer.error[:300])
    return Result(LATER, Reason.UNREACHABLE, detail=answer.error[:300], connection_fault=True)


def _fits(rule: Rule, answer: Answer) -> bool:
    return rule.first <= answer.status <= rule.last and not (rule.asked and answer.retry_after is None)


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _error(told: dict[str, Any]) -> dict[str, Any]:
    inner = told.get("error")
    return inner if isinstance(inner, dict) else told


def _named_reason(told: dict[str, Any]) -> Reason | None:
    code = _error(told).get("code")
    return next((reason for reason in _FINAL if reason == code), None)


def _message(told: dict[str, Any]) -> str:
    message = _error(told).get("message", "")
    return "".join(filter(str.isprintable, message)) if isinstance(message, str) else ""
