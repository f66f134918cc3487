"""How a message is answered: as the account says, as its address says, or by chance."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

MISHAPS = ("refuse", "later", "slow", "stall", "lose", "drop")
STEPS = ("mail", "rcpt", "body", "data")
FORGET_MISHAPS_AFTER = 100_000


class BadSetting(ValueError):
    """A setting that cannot be; the text says which and why."""


class Code(NamedTuple):
    """One reason in both languages, and the SMTP step that gives it."""

    status: int
    smtp: bytes
    at: str


REFUSALS = {
    "sender_rejected": Code(403, b"553 5.7.1 sender rejected\r\n", "mail"),
    "address_refused": Code(422, b"550 5.1.1 no such recipient\r\n", "rcpt"),
    "content_rejected": Code(422, b"554 5.7.1 content rejected\r\n", "data"),
    "template_error": Code(422, b"554 5.6.0 differs from the approved template\r\n", "data"),
    "auth_failed": Code(401, b"535 5.7.8 authentication failed\r\n", "mail"),
    "too_large": Code(413, b"552 5.3.4 message too large\r\n", "data"),
}
DELAYS = {
    "busy": Code(503, b"450 4.2.0 busy, try again later\r\n", "rcpt"),
    "throttled": Code(429, b"421 4.7.0 too fast, closing\r\n", "rcpt"),
    "deferred": Code(503, b"451 4.3.0 try again later\r\n", "data"),
}
CODES = REFUSALS | DELAYS


@dataclass(frozen=True, slots=True)
class Answer:
    """What is done to one message. `seconds`: the wait of slow and stall (None: until told), or Retry-After."""

    kind: str
    at: str = "data"
    code: str = ""
    seconds: float | None = None

    @property
    def closes(self) -> bool:
        return self.code == "throttled"


def answer(kind: str, *, code: str = "", at: str = "", seconds: float | None = None) -> Answer:
    if kind == "refuse":
        code = code or "address_refused"
        if code not in REFUSALS:
            raise BadSetting(f"code: a refusal is one of {', '.join(REFUSALS)}")
    elif kind == "later":
        code, seconds = code or "busy", 1 if seconds is None else seconds
        if code not in DELAYS:
            raise BadSetting(f"code: a delay is one of {', '.join(DELAYS)}")
    elif code:
        raise BadSetting(f"code: {kind} has none")
    if at and at not in STEPS:
        raise BadSetting(f"at: one of {', '.join(STEPS)}")
    if kind == "lose" and at not in {"", "data"}:
        raise BadSetting("at: an answer is lost after the content, at data")
    if at == "body" and kind != "drop":
        raise BadSetting("at: only drop happens in the middle of the body")
    return Answer(
        kind, at or (CODES[code].at if code else "rcpt" if kind == "drop" else "data"), code, seconds
    )


ADDRESSES = {
    "refuse": answer("refuse"),
    "later": answer("later"),
    "lose-answer": answer("lose"),
    "drop": answer("drop"),
    "stall": answer("stall", seconds=30),
    "slow": answer("slow", seconds=0.2),
}
NUMBERS = dict(zip(("9901", "9902", "9903", "9904", "9905", "9906"), ADDRESSES.values(), strict=True))


def by_address(recipient: str) -> Answer | None:
    """What a test address asks for; `+option` is a code, a step, seconds or milliseconds."""
    local, _, domain = recipient.partition("@")
    if not domain:
        return NUMBERS.get(recipient[-4:])
    word, _, option = local.partition("+")
    named = ADDRESSES.get(word)
    if named is None or not option:
        return named
    if named.code and option in CODES:
        return answer(named.kind, code=option) if (option in REFUSALS) == (word == "refuse") else named
    if word == "drop" and option == "body":
        return replace(named, at="body")
    if word in {"stall", "slow"} and option.isdecimal():
        return replace(named, seconds=int(option) / (1000 if word == "slow" else 1))
    return named


class Behaviour:
    """An account's behaviour. The counts (`times`, mishaps that befell) live as long as the process."""

    def __init__(self, spec: dict[str, Any], *, seed: int) -> None:
        known = {"answer", "code", "at", "ms", "seconds", "retry_after", "times", "seed", *MISHAPS}
        if unknown := spec.keys() - known:
            raise BadSetting(
                f"behaviour: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}"
            )
        for name in ("ms", "seconds", "retry_after", "times", "seed", *MISHAPS):
            if isinstance(spec.get(name, 0), bool) or not isinstance(spec.get(name, 0), int | float):
                raise BadSetting(f"behaviour: {name} is a number")
        kind = spec.get("answer", "accept")
        if kind not in ("accept", *MISHAPS):
            raise BadSetting(f"behaviour: answer is one of accept, {', '.join(MISHAPS)}")
        self._seed = spec.get("seed", seed)
        self._standing = None if kind == "accept" else self._asked(spec, kind)
        self._left: int | None = spec.get("times")
        chances = {name: float(spec[name]) for name in MISHAPS if name in spec}
        if any(share < 0 for share in chances.values()) or sum(chances.values()) > 1:
            raise BadSetting("behaviour: chances are shares of 1")
        self._chances = [(share, self._asked(spec, name, by_chance=True)) for name, share in chances.items()]
        self._befallen: set[str] = set()

    @staticmethod
    def _asked(spec: dict[str, Any], kind: str, *, by_chance: bool = False) -> Answer:
        code, at = str(spec.get("code", "")), str(spec.get("at", ""))
        if by_chance:
            code, at = (code if code in {"refuse": REFUSALS, "later": DELAYS}.get(kind, {}) else ""), "data"
        seconds = {
            "slow": spec.get("ms", 1000) / 1000,
            "later": spec.get("retry_after"),
            "stall": spec.get("seconds"),
        }.get(kind)
        return answer(kind, code=code, at=at, seconds=seconds)

    def standing(self, at: str = "") -> Answer | None:
        """The account's own answer, if it is given at this step (any, if none is named); counts as one time."""
        if self._standing is None or (at and self._standing.at != at) or self._left == 0:
            return None
        if self._left is not None:
            self._left -= 1
        return self._standing

    def by_chance(self, reference: str) -> Answer | None:
        if not self._chances:
            return None
        digest = hashlib.blake2b(f"{self._seed}:answer:{reference}".encode(), digest_size=8).digest()
        draw = int.from_bytes(digest) / 2**64
        for share, mishap in self._chances:
            if draw < share:
                return self._once(mishap, reference)
            draw -= share
        return None

    def _once(self, mishap: Answer, reference: str) -> Answer | None:
        if mishap.kind == "refuse":
            return mishap
        if reference in self._befallen:
            return None
        if len(self._befallen) >= FORGET_MISHAPS_AFTER:
            self._befallen.clear()
        self._befallen.add(reference)
        return mishap
