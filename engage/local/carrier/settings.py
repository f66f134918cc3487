"""What the administrator can set of an account, and what each setting may be."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from engage.local.carrier.behaviour import BadSetting
from engage.local.carrier.outcomes import BY_A_PERSON, FINAL, RATES

MOST_SHIFT = 20 * 366 * 86400
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_shift(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_SHIFT


def _are_rates(value: object) -> bool:
    return (
        isinstance(value, dict)
        and not value.keys() - {*FINAL, *BY_A_PERSON}
        and all(_is_number(share) and 0 <= share <= 1 for share in value.values())
        and sum(value.get(kind, 0) for kind in FINAL) <= 1.000001
    )


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "account": (
        lambda value: isinstance(value, str) and bool(NAME.fullmatch(value)),
        "1 to 64 letters, digits, _ . -",
    ),
    "key": (
        lambda value: isinstance(value, str) and (not value or len(value) >= 8) and value.isprintable(),
        "8 characters or more",
    ),
    "channel": (lambda value: value in RATES, "email or sms"),
    "webhook_url": (
        lambda value: isinstance(value, str) and (not value or value.startswith(("http://", "https://"))),
        "an http(s) address, or empty",
    ),
    "webhook_secret": (lambda value: isinstance(value, str), "text"),
    "rates": (
        lambda value: value is None or _are_rates(value),
        f"shares of 1 of {', '.join((*FINAL, *BY_A_PERSON))}; the first five add up to 1 at most",
    ),
    "behaviour": (lambda value: isinstance(value, dict), "an object"),
    "seed": (_is_int, "a whole number"),
    "time_scale": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "clock_shift": (is_shift, "whole seconds, twenty years at most"),
    "instant": (_is_bool, "true or false"),
    "browse": (_is_bool, "true or false"),
    "honours_key": (_is_bool, "true or false"),
    "keep_bodies": (lambda value: _is_int(value) and value >= 0, "a whole number, 0 or more"),
    "test_addresses": (_is_bool, "true or false"),
    "duplicate_receipts": (lambda value: _is_number(value) and 0 <= value <= 1, "a share of 1"),
    "shuffle": (_is_bool, "true or false"),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the administrator can set; the fields are those of the API."""

    account: str
    key: str = field(default="", repr=False)
    channel: str = "email"
    webhook_url: str = ""
    webhook_secret: str = field(default="", repr=False)
    rates: Mapping[str, float] | None = None
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    time_scale: float = 1
    clock_shift: int = 0
    instant: bool = False
    browse: bool = False
    honours_key: bool = True
    keep_bodies: int = 20_000
    test_addresses: bool = True
    duplicate_receipts: float = 0
    shuffle: bool = False

    @property
    def wants_receipts(self) -> bool:
        return bool(self.webhook_url) or self.browse

    def as_json(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def public(self) -> dict[str, Any]:
        return {
            name: value for name, value in self.as_json().items() if name not in {"key", "webhook_secret"}
        }

    def changed(self, changes: Mapping[str, Any]) -> "Settings":
        """The settings with these in place; raises BadSetting for the first that cannot be."""
        for name, value in changes.items():
            if name not in RULES:
                raise BadSetting(f"{name}: there is no such setting; known are {', '.join(RULES)}")
            fits, wanted = RULES[name]
            if not fits(value):
                raise BadSetting(f"{name}: must be {wanted}")
        return replace(self, **changes)
