"""From a row of the ledger to the receipts it will have, with their dates."""

import json
import random
import time
from typing import Any, NamedTuple

from engage.local.carrier import mail
from engage.local.carrier.accounts import Account
from engage.local.carrier.ledger import Row
from engage.local.carrier.outcomes import Event, outcome

VISITS = {"opened": "GET", "clicked": "GET", "unsubscribed": "POST"}
NO_LINKS = mail.Links("", [], "")


class Planned(NamedTuple):
    """`due` in milliseconds since 1970. `visit` is what a person would do instead of the report: method and address."""

    due: int
    visit: str
    event: str


def dated(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03}Z"


def planned(account: Account, row: Row) -> list[Planned]:
    settings, entry = account.settings, row.entry
    events = outcome(
        entry.reference,
        entry.recipient,
        rates=account.rates,
        channel=settings.channel,
        seed=settings.seed,
        test_addresses=settings.test_addresses,
    )
    accepted, now = row.at + 1000 * entry.shift, time.time_ns() // 1_000_000
    receipts = []
    for event in events:
        at = accepted + int(1000 * event.delay / settings.time_scale)
        if settings.instant:
            at = min(at, max(now, accepted))
        receipt = Planned(0 if settings.instant else at, *_told(account, row, event, at))
        receipts.append(receipt)
        if settings.duplicate_receipts and _draw(receipt.event) < settings.duplicate_receipts:
            receipts.append(receipt)
    return receipts


def _draw(of: str) -> float:
    return random.Random(of).random()  # noqa: S311 (a simulation, and the same every time)


def _told(account: Account, row: Row, event: Event, at: int) -> tuple[str, str]:
    """The visit, if a person is to make one, and the event."""
    provider_id = account.provider_id(row.seq)
    told: dict[str, Any] = {
        "event_id": f"{provider_id}-{event.type}",
        "reference": row.entry.reference,
        "provider_id": provider_id,
        "type": event.type,
        "at": dated(at),
    }
    if event.code:
        told["code"] = event.code
    visits = account.settings.browse and event.type in VISITS
    links = _links(account, row) if visits or event.type == "clicked" else NO_LINKS
    link = _followed(links.links, provider_id)
    if link and event.type == "clicked":
        told["link"] = link
    target = {"opened": links.pixel, "clicked": link, "unsubscribed": links.unsubscribe}.get(event.type)
    return (f"{VISITS[event.type]} {target}" if visits and target else ""), json.dumps(told)


def _links(account: Account, row: Row) -> mail.Links:
    kept = account.outbox.find(row.seq)
    if kept is None:
        return NO_LINKS
    raw = account.outbox.read(kept)
    if row.entry.via == "smtp":
        return mail.links_in_mail(raw)
    return mail.Links("", mail.links_in_text(json.loads(raw)["text"]), "")


def _followed(links: list[str], provider_id: str) -> str:
    """The first links are followed more often than the last."""
    return links[int(len(links) * _draw(provider_id) ** 2)] if links else ""
