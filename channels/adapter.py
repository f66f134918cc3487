"""What an adapter registers: how it is named, configured, built and reported on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from channels.protocol import Capabilities, Channel, Receipts, SenderFacts
from channels.receipts import Reports


class ConfigRefused(Exception):
    """A configuration that cannot work; `problems` maps fields to what to do."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(self.problems.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigField:
    """One field of an adapter's form. `choices` maps values to labels; a number has `least` and `most`."""

    name: str
    label: str
    help: str = ""
    kind: str = "text"  # text, number, choice, flag
    default: str = ""
    required: bool = True
    choices: Mapping[str, str] | None = None
    least: int = 0
    most: int = 0

    def clean(self, given: object) -> str | int | bool:
        """Raises ValueError with what to do."""
        text = str(given if given is not None else "").strip() or self.default
        if self.kind == "flag":
            return text.lower() in {"true", "on", "1", "yes"}
        if not text and self.required:
            raise ValueError(f"{self.label} is needed.")
        if self.kind == "number":
            if not (text.isascii() and text.isdigit() and self.least <= int(text) <= self.most):
                raise ValueError(f"{self.label} must be a number from {self.least} to {self.most}.")
            return int(text)
        if self.choices is not None and text not in self.choices:
            raise ValueError(f"{self.label} must be one of: {', '.join(self.choices.values())}.")
        if not text.isprintable():
            raise ValueError(f"{self.label} holds characters that cannot be used.")
        return text


class ReceiptFormat(Protocol):
    """How a provider's webhooks are read (see `receipts`)."""

    def verify(self, headers: Mapping[str, str], raw: bytes, secret: str, *, now: datetime) -> None: ...

    def normalise(self, raw: bytes) -> Reports: ...


Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """`check` refuses combinations of fields, `build` makes the channel; neither connects.

    `receipts` is None for a provider without webhooks. A sandbox adapter reaches nobody.
    """

    key: str
    label: str
    capabilities: Capabilities
    fields: tuple[ConfigField, ...]
    credential: str
    build: Callable[[SenderFacts], Channel]
    check: Callable[[dict[str, Any]], Mapping[str, str]] = lambda _config: {}
    receipts: ReceiptFormat | None = None
    sandbox: bool = False

    def clean(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration to keep. Raises `ConfigRefused`."""
        config: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for field in self.fields:
            try:
                config[field.name] = field.clean(given.get(field.name))
            except ValueError as error:
                problems[field.name] = str(error)
        problems |= {} if problems else self.check(config)
        if problems:
            raise ConfigRefused(problems)
        return config

    def capabilities_with(self, config: Config) -> Capabilities:
        """What it can do as configured: some providers differ in receipts and in honouring a repeat key."""
        stated = self.capabilities
        return replace(
            stated,
            receipts=Receipts(config.get("receipts") or stated.receipts),
            honours_repeat_key=bool(config.get("honours_repeat_key", stated.honours_repeat_key)),
        )
