"""The HTTP door: requests parsed by hand, pipelined and kept alive; messages here, everything else in `pages`."""

import json
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from engage.local.carrier import submission
from engage.local.carrier.accounts import Account, Accounts
from engage.local.carrier.behaviour import CODES, Answer
from engage.local.carrier.connection import MORE, Connection
from engage.local.carrier.ledger import Writer
from engage.local.carrier.submission import Parcel, Refusal

LONGEST_HEAD = 32768
LONGEST_BODY = 32 * 2**20
REASONS = {
    200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 411: "Length Required", 413: "Content Too Large", 422: "Unprocessable Content",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 503: "Service Unavailable",
}  # fmt: skip
HEADS = {
    status: f"HTTP/1.1 {status} {reason}\r\nX-Content-Type-Options: nosniff\r\n".encode()
    for status, reason in REASONS.items()
}
TAKEN = HEADS[202] + b'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n{"id":"%s"}'
SHIFT = re.compile(r"-?\d{1,8}")


class Request(NamedTuple):
    """A request. `bearer` is the key it came with; `head` ends with the last header's line break."""

    method: str
    path: str
    query: str
    bearer: str
    head: bytes
    lower: bytes
    body: bytes

    def header(self, name: bytes) -> str:
        return _header(self.head, self.lower, name)


class Reply(NamedTuple):
    status: int
    body: bytes
    content_type: str = "application/json"


def as_json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode())


def _header(head: bytes, lower: bytes, name: bytes) -> str:
    """`name` in lower case, with its colon."""
    found = lower.find(b"\r\n" + name)
    if found < 0:
        return ""
    start = found + 2 + len(name)
    return head[start : head.find(b"\r\n", start)].strip().decode("utf-8", "replace")


Pages = Callable[[Request], Reply]


class Http(Connection):
    """One client; its requests are answered in order."""

    def __init__(self, accounts: Accounts, writer: Writer, open_ones: set[Connection], pages: Pages) -> None:
        super().__init__(accounts, writer, open_ones)
        self._pages = pages
        self._continued = False

    def first_step(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            if len(data) - at > LONGEST_HEAD:
                self._finally(431, "bad_request", "the head is too long")
            return MORE
        head = data[at : end + 2]
        lower = head.lower()
        length = _header(head, lower, b"content-length:")
        if b"\r\ntransfer-encoding:" in lower or (length and not length.isdecimal()):
            self._finally(411, "bad_request", "send a Content-Length")
            return MORE
        wanted = int(length or 0)
        if wanted > LONGEST_BODY:
            self._finally(413, "too_large", "the body is too long")
            return MORE
        start = end + 4
        if len(data) - start < wanted:
            if b"\r\nexpect: 100-continue" in lower and not self._continued:
                self._continued = True
                self.answer(b"HTTP/1.1 100 Continue\r\n\r\n")
            return MORE
        self._continued = False
        self._take(head, lower, data[start : start + wanted])
        return start + wanted

    def _take(self, head: bytes, lower: bytes, body: bytes) -> None:
        words = head[: head.find(b"\r\n")].decode("latin-1").split(" ")
        if len(words) != 3:
            self._finally(400, "bad_request", "not a request line")
            return
        method, target, version = words
        path, _, query = target.partition("?")
        scheme, _, bearer = _header(head, lower, b"authorization:").partition(" ")
        bearer = bearer.strip() if scheme.lower() == "bearer" else ""
        request = Request(method, path, query, bearer, head, lower, body)
        try:
            if method == "POST" and path == "/v1/messages":
                self._submit(request, submission.single)
            elif method == "POST" and path == "/v1/messages:batch":
                self._submit(request, submission.batch)
            else:
                self._reply(self._pages(request))
        except Refusal as refusal:
            self._refuse(refusal)
        if version == "HTTP/1.0" or b"\r\nconnection: close" in lower:
            self.step = self._no_more

    def _no_more(self, data: bytes, at: int) -> int:
        """The step after the last request, reached when that is answered."""
        del data, at
        self.close()
        return MORE

    def _finally(self, status: int, code: str, message: str) -> None:
        self._refuse(Refusal(status, code, message))
        self.close()

    def _refuse(self, refusal: Refusal) -> None:
        self._reply(as_json(refusal.status, refusal.as_json()))

    def _reply(self, reply: Reply, *, extra: bytes = b"") -> None:
        head = b"Content-Type: %s\r\nContent-Length: %d\r\n" % (reply.content_type.encode(), len(reply.body))
        self.answer(HEADS[reply.status] + head + extra + b"\r\n" + reply.body)

    def _submit(self, request: Request, parse: Callable[..., list[Parcel]]) -> None:
        account = self.accounts.by_key(request.bearer)
        if account is None:
            raise Refusal(401, "auth_failed", "Authorization: Bearer <key of an account>")
        shift = request.header(b"x-engage-clock-shift:")
        parcels = parse(
            request.body,
            key=_printable_key(request.header(b"idempotency-key:")),
            shift=int(shift) if SHIFT.fullmatch(shift) else account.settings.clock_shift,
        )
        submission.recall(account, parcels, self.writer)
        mishap = submission.judge(account, parcels)
        many = parse is submission.batch
        self.enact(mishap, account, lambda: self._record(account, parcels, mishap, many=many))

    def _record(
        self, account: Account, parcels: Sequence[Parcel], mishap: Answer | None, *, many: bool
    ) -> None:
        kind = mishap.kind if mishap else ""
        submission.record(account, parcels, self.writer, answer="lost" if kind == "lose" else "ok")
        if kind == "lose":
            self.close()
        elif kind == "slow" and mishap is not None:
            self.hold(mishap.seconds, lambda: self._tell(parcels, many=many))
        else:
            self._tell(parcels, many=many)

    def _tell(self, parcels: Sequence[Parcel], *, many: bool) -> None:
        if many:
            self._reply(as_json(202, {"results": [submission.result(parcel) for parcel in parcels]}))
            return
        parcel = parcels[0]
        if parcel.given:
            self.answer(TAKEN % (len(parcel.given) + 9, parcel.given.encode()))
        elif parcel.verdict is not None:
            code, wait = parcel.verdict.code, parcel.verdict.seconds
            extra = b"Retry-After: %d\r\n" % max(1, round(wait)) if wait is not None else b""
            body = {"error": {"code": code, "message": submission.explained(code)}}
            self._reply(as_json(CODES[code].status, body), extra=extra)

    def say_goodbye(self) -> None:
        """HTTP has no words for it."""


def _printable_key(key: str) -> str:
    if len(key) > 255 or not key.isprintable():
        raise Refusal(400, "bad_request", "Idempotency-Key: up to 255 printable characters")
    return key
