"""What becomes of a message: the same for the same seed, reference and recipient; the account's rates on average."""

import hashlib
import math
import struct
from collections.abc import Mapping
from statistics import NormalDist
from typing import NamedTuple

RATES: dict[str, dict[str, float]] = {
    "email": {
        "bounced": 0.012,
        "soft_bounced": 0.008,
        "opened": 0.24,
        "clicked": 0.032,
        "unsubscribed": 0.002,
        "complained": 0.0003,
    },
    "sms": {"undelivered": 0.02, "expired": 0.01, "clicked": 0.045, "unsubscribed": 0.003},
}
FINAL = ("bounced", "soft_bounced", "undelivered", "expired", "delivered")
BY_A_PERSON = ("opened", "clicked", "unsubscribed", "complained")
EVENT_CODES: dict[str, tuple[tuple[float, str], ...]] = {
    "bounced": ((0.72, "unknown_user"), (0.9, "domain_invalid"), (1, "blocked_operator")),
    "soft_bounced": ((0.6, "mailbox_full"), (1, "temporary")),
    "undelivered": ((0.75, "unreachable"), (1, "blocked_operator")),
    "expired": ((1, "expired"),),
    "complained": ((1, "complaint"),),
}
NUMBERS = {
    "9911": ("undelivered", ""),
    "9912": ("expired", ""),
    "9913": ("silent", ""),
    "9914": ("delivered", ""),
    "9915": ("clicked", ""),
}
SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0
NORMAL = NormalDist()


class Event(NamedTuple):
    """`delay` in seconds since acceptance."""

    type: str
    code: str
    delay: float


def _draws(seed: int, *of: str) -> tuple[float, ...]:
    """Eight numbers in (0, 1) that follow from the words."""
    digest = hashlib.blake2b("\t".join((str(seed), *of)).encode()).digest()
    return tuple((n + 0.5) / 2**64 for n in struct.unpack("<8Q", digest))


def _log_normal(draw: float, *, median: float, sigma: float) -> float:
    return median * math.exp(sigma * NORMAL.inv_cdf(draw))


def _asked_for(recipient: str) -> tuple[str, str] | None:
    local, _, domain = recipient.partition("@")
    if not domain:
        return NUMBERS.get(recipient[-4:])
    word, _, code = local.partition("+")
    return (word, code) if word in FINAL or word in BY_A_PERSON or word == "silent" else None


def _final(rates: Mapping[str, float], *, person: float, draw: float) -> str:
    """One end for the message. A bad address is bad every time; the rest is luck of the message."""
    bounced = rates.get("bounced", 0)
    if person < bounced:
        return "bounced"
    luck = bounced + draw * (1 - bounced)
    reached = bounced
    for kind in FINAL[1:4]:
        reached += rates.get(kind, 0)
        if luck < reached:
            return kind
    return "delivered" if luck < reached + rates.get("delivered", 1) else "silent"


def _leaning(rate: float, person: float) -> float:
    """Some people open nearly everything, some nearly nothing; the mean over people is the rate."""
    return rate + (2 * person - 1) * min(rate, 1 - rate) * 0.9


def _delivered(
    asked: str, rates: Mapping[str, float], *, person: float, channel: str, draw: tuple[float, ...]
) -> list[Event]:
    """Delivery and what the person then does; `asked` narrows it to that one act."""
    act = {kind: asked == kind for kind in BY_A_PERSON}
    if not asked:
        clicked, opened = rates.get("clicked", 0), rates.get("opened", 0)
        act = {
            "clicked": draw[1] < _leaning(clicked, person),
            "opened": draw[1] < _leaning(max(opened, clicked), person),
            "unsubscribed": draw[2] < rates.get("unsubscribed", 0),
            "complained": draw[3] < rates.get("complained", 0),
        }
    mail = channel == "email"
    arrived = _log_normal(draw[4], median=2.5 * SECOND, sigma=0.6)
    noticed = arrived + _log_normal(draw[5], median=2.5 * HOUR if mail else 12 * MINUTE, sigma=1.4)
    acted = noticed + _log_normal(draw[6], median=40 * SECOND, sigma=1)
    events = [Event("delivered", "", arrived)]
    if mail and any(act.values()):
        events.append(Event("opened", "", noticed))
    for kind in ("clicked", "unsubscribed", "complained"):
        if act[kind]:
            events.append(Event(kind, "complaint" if kind == "complained" else "", acted))
            acted += MINUTE
    return events


def outcome(
    reference: str,
    recipient: str,
    *,
    rates: Mapping[str, float],
    channel: str,
    seed: int,
    test_addresses: bool,
) -> list[Event]:
    """Every event that the carrier will report of this message, in the order of time."""
    word, code = (_asked_for(recipient) if test_addresses else None) or ("", "")
    person = _draws(seed, "person", recipient)
    draw = _draws(seed, "message", reference)
    kind = word or _final(rates, person=person[0], draw=draw[0])
    if kind == "silent":
        return []
    if kind == "delivered" or kind in BY_A_PERSON:
        return _delivered(word, rates, person=person[1], channel=channel, draw=draw)
    if kind == "expired":
        return [Event("expired", "expired", 48 * HOUR)]
    known = EVENT_CODES[kind]
    drawn = next(name for upto, name in known if draw[7] <= upto)
    delay = _log_normal(draw[4], median=5 * SECOND if kind == "bounced" else 10 * MINUTE, sigma=0.8)
    return [Event(kind, code if code in {name for _, name in known} else drawn, delay)]
