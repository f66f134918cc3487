"""Messages that come by HTTP: what they must look like, how they are judged, how they are recorded."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engage.local.carrier.accounts import Account
from engage.local.carrier.behaviour import CODES, Answer, by_address
from engage.local.carrier.ledger import Entry, Writer
from engage.local.carrier.settings import is_shift

MOST_MESSAGES = 1000
NUMBER = re.compile(r"\+?\d{5,15}")
CONNECTION_MISHAPS = ("drop", "stall", "lose", "slow")
NOT_A_NUMBER = Answer("refuse", "rcpt", "address_refused")


class Refusal(Exception):
    """The request as a whole is not taken."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def as_json(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message}}


@dataclass(slots=True)
class Parcel:
    """One message of a request. `given` is the id it already has under its key, `verdict` what is done to it."""

    entry: Entry
    raw: bytes
    given: str = ""
    verdict: Answer | None = None


def _bad(message: str) -> Refusal:
    return Refusal(400, "bad_request", message)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        raise _bad("the body is not JSON") from None
    if not isinstance(value, dict):
        raise _bad("the body is not a JSON object")
    return value


def _parcel(message: object, *, raw: bytes, key: str, part: int, shift: int) -> Parcel:
    if not isinstance(message, dict):
        raise _bad("a message is an object")
    reference, recipient = message.get("reference"), message.get("to")
    sender, text = message.get("from"), message.get("text")
    for name, value in (("reference", reference), ("to", recipient), ("from", sender)):
        if not isinstance(value, str) or not 0 < len(value) <= 400 or not value.isprintable():
            raise _bad(f"{name}: 1 to 400 printable characters")
    if not isinstance(text, str):
        raise _bad("text: must be text")
    own = message.get("clock_shift", shift)
    if not is_shift(own):
        raise _bad("clock_shift: whole seconds, twenty years at most")
    encoded = text.encode("utf-8", "surrogatepass")
    sha = hashlib.sha256(encoded).hexdigest()[:32]
    entry = Entry(
        "http", str(reference), key, part, "", str(sender), str(recipient), len(encoded), sha, own, "ok"
    )
    return Parcel(entry, raw)


def single(body: bytes, *, key: str, shift: int) -> list[Parcel]:
    return [_parcel(_object(body), raw=body, key=key, part=0, shift=shift)]


def batch(body: bytes, *, key: str, shift: int) -> list[Parcel]:
    messages = _object(body).get("messages")
    if not isinstance(messages, list) or not 0 < len(messages) <= MOST_MESSAGES:
        raise _bad(f"messages: a list of 1 to {MOST_MESSAGES}")
    return [
        _parcel(message, raw=json.dumps(message).encode(), key=key, part=part, shift=shift)
        for part, message in enumerate(messages)
    ]


def recall(account: Account, parcels: Sequence[Parcel], writer: Writer) -> None:
    """Give each parcel the id that it already has under its key."""
    if not parcels[0].entry.key or not account.settings.honours_key:
        return
    for parcel in parcels:
        offset = account.keys.offset(parcel.entry)
        if offset is None:
            continue
        if offset >= account.ledger.written:
            writer.write()
        row = account.ledger.row(offset)
        if _identity(row.entry) != _identity(parcel.entry):
            raise Refusal(422, "idempotency_mismatch", "this Idempotency-Key was used for another message")
        parcel.given = account.provider_id(row.seq)


def _identity(entry: Entry) -> tuple[str, ...]:
    return entry.reference, entry.sender, entry.recipient, entry.sha


def judge(account: Account, parcels: Sequence[Parcel]) -> Answer | None:
    """Settle what is done to each; the worst of what befalls the connection, if anything does."""
    behaviour, settings = account.behaviour, account.settings
    numbers = settings.channel == "sms"
    mishaps: dict[str, Answer] = {}
    for parcel in parcels:
        if parcel.given:
            continue
        recipient = parcel.entry.recipient
        asked = by_address(recipient) if settings.test_addresses else None
        if numbers and not NUMBER.fullmatch(recipient):
            asked = NOT_A_NUMBER
        parcel.verdict = asked or behaviour.standing() or behaviour.by_chance(parcel.entry.reference)
        if parcel.verdict is not None and not parcel.verdict.code:
            mishaps[parcel.verdict.kind] = parcel.verdict
    return next((mishaps[kind] for kind in CONNECTION_MISHAPS if kind in mishaps), None)


def record(account: Account, parcels: Sequence[Parcel], writer: Writer, *, answer: str) -> None:
    """Into the ledger with what was judged acceptable, and count the rest."""
    for parcel in parcels:
        if parcel.verdict is not None and parcel.verdict.code:
            account.counts["refused" if parcel.verdict.kind == "refuse" else "later"] += 1
        elif not parcel.given:
            entry = parcel.entry if answer == "ok" else parcel.entry._replace(answer=answer)
            parcel.given = account.accept(entry, parcel.raw, writer)


def result(parcel: Parcel) -> dict[str, Any]:
    """A message's part of the answer to a batch."""
    if parcel.given:
        return {"status": 202, "id": parcel.given}
    verdict = parcel.verdict
    code = verdict.code if verdict else ""
    answer: dict[str, Any] = {
        "status": CODES[code].status,
        "error": {"code": code, "message": explained(code)},
    }
    if verdict is not None and verdict.kind == "later":
        answer["retry_after"] = verdict.seconds
    return answer


def explained(code: str) -> str:
    """The words of the SMTP reply, without its numbers."""
    return CODES[code].smtp.decode().strip().split(" ", 2)[2]
