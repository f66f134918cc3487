"""What is asked over HTTP besides handing in messages: the outbox of an account, and the administrator's requests."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

from engage.local.carrier import mail
from engage.local.carrier.accounts import Account, Accounts
from engage.local.carrier.behaviour import BadSetting
from engage.local.carrier.http import Reply, Request, as_json
from engage.local.carrier.outbox import Kept
from engage.local.carrier.planning import dated
from engage.local.carrier.receipts import Receipts
from engage.local.carrier.submission import Refusal

MOST_LISTED = 200
NOT_FOUND = Refusal(404, "not_found", "there is nothing here")


class Pages:
    """Called with a request, gives the reply or raises Refusal."""

    def __init__(self, accounts: Accounts, receipts: Receipts, *, changed: Callable[[Account], None]) -> None:
        self._accounts = accounts
        self._receipts = receipts
        self._changed = changed

    def __call__(self, request: Request) -> Reply:
        if request.path == "/ping":
            return as_json(200, {"carrier": "ok"})
        if request.path.startswith("/v1/outbox") and request.method == "GET":
            account = self._accounts.by_key(request.bearer)
            if account is None:
                raise Refusal(401, "auth_failed", "Authorization: Bearer <key of an account>")
            return _outbox(account, request)
        if request.path.startswith("/admin/"):
            if not hmac.compare_digest(request.bearer.encode(), self._accounts.admin_key.encode()):
                raise Refusal(401, "auth_failed", "Authorization: Bearer <admin key>")
            return self._admin(request)
        raise NOT_FOUND

    def _admin(self, request: Request) -> Reply:
        match request.method, request.path.removeprefix("/admin/").split("/"):
            case "GET", ["stats"]:
                return as_json(200, self._stats())
            case "POST", ["accounts"]:
                account = self._upsert(_body(request))
                return as_json(200, account.settings.public())
            case "GET", ["accounts", name]:
                return as_json(200, self._named(name).settings.public())
            case "PUT", ["accounts", name, "behaviour"]:
                account = self._named(name)
                changes = {"account": account.name, "behaviour": _body(request)}
                self._upsert(changes)
                return as_json(200, {"behaviour": changes["behaviour"], "released": account.release()})
            case "POST", ["accounts", name, "release"]:
                return as_json(200, {"released": self._named(name).release()})
            case "POST", ["accounts", name, "inbound"]:
                return as_json(202, {"event_id": self._inbound(self._named(name), _body(request))})
        raise NOT_FOUND

    def _upsert(self, changes: dict[str, Any]) -> Account:
        former = self._accounts.get(str(changes.get("account")))
        if former is not None and not former.settings.wants_receipts:
            self._receipts.skip(former)
        try:
            account = self._accounts.upsert(changes)
        except BadSetting as error:
            raise Refusal(400, "bad_request", str(error)) from None
        self._changed(account)
        return account

    def _named(self, name: str) -> Account:
        account = self._accounts.get(unquote(name))
        if account is None:
            raise NOT_FOUND
        return account

    def _inbound(self, account: Account, reply: dict[str, Any]) -> str:
        said = {name: reply.get(name, "") for name in ("from", "to", "text")}
        if not all(isinstance(value, str) for value in said.values()) or not said["from"]:
            raise Refusal(400, "bad_request", "from, to and text: text; from is needed")
        if not account.settings.webhook_url:
            raise Refusal(422, "no_webhook", "the account has no webhook_url to report to")
        return self._receipts.inbound(account, said, at=dated(time.time_ns() // 1_000_000))

    def _stats(self) -> dict[str, Any]:
        usage = time.process_time()
        return {
            "cpu_seconds": round(usage, 3),
            "accounts": {
                account.name: {
                    **{name: account.counts[name] for name in ("refused", "later", "lost", "dropped")},
                    "accepted": account.ledger.seq,
                    "stalled": len(account.stalled),
                    "receipts_sent": account.counts["receipts_sent"],
                    "receipts_waiting": self._receipts.waiting(account),
                    "receipts_due": self._receipts.due_now(account),
                    "ledger_unplanned": self._receipts.unplanned(account),
                }
                for account in self._accounts
            },
        }


def _body(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(request.body)
    except ValueError:
        raise Refusal(400, "bad_request", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refusal(400, "bad_request", "the body is not a JSON object")
    return value


def _number_of(account: Account, provider_id: str) -> int:
    """The place in the ledger of one of this account's own messages; another's is not found."""
    name, _, seq = unquote(provider_id).rpartition("-")
    if name != account.name or not seq.isdecimal():
        raise NOT_FOUND
    return int(seq)


def _outbox(account: Account, request: Request) -> Reply:
    match request.path.removeprefix("/v1/outbox").split("/"):
        case [""]:
            asked = parse_qs(request.query)
            limit, before = asked.get("limit", ["50"])[0], asked.get("before", [""])[0]
            if not limit.isdecimal() or not 0 < int(limit) <= MOST_LISTED:
                raise Refusal(400, "bad_request", f"limit: 1 to {MOST_LISTED}")
            seq = _number_of(account, before) if before else None
            return as_json(
                200, [_listed(account, kept) for kept in account.outbox.newest(before=seq, limit=int(limit))]
            )
        case ["", "count"]:
            return as_json(200, {"count": len(account.outbox), "accepted": account.ledger.seq})
        case ["", provider_id]:
            kept = account.outbox.find(_number_of(account, provider_id))
            if kept is None:
                raise NOT_FOUND
            by_mail = account.ledger.row(kept.row).entry.via == "smtp"
            return Reply(200, account.outbox.read(kept), "message/rfc822" if by_mail else "application/json")
    raise NOT_FOUND


def _listed(account: Account, kept: Kept) -> dict[str, Any]:
    row = account.ledger.row(kept.row)
    entry, raw = row.entry, account.outbox.read(kept)
    by_mail = entry.via == "smtp"
    return {
        "id": account.provider_id(row.seq),
        "at": dated(row.at + 1000 * entry.shift),
        "accepted_at": dated(row.at),
        "via": entry.via,
        "reference": entry.reference,
        "from": entry.sender,
        "to": entry.recipient,
        "subject": mail.subject(raw) if by_mail else "",
        "text": "" if by_mail else json.loads(raw)["text"],
        "size": entry.size,
    }
