"""What a condition's values can be chosen from: a fixed few, or rows of the org found by search (A-30)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from audiences.segments.frame import Frame

Key = str | int


class Option(NamedTuple):
    key: Key
    label: str
    hint: str = ""


@dataclass(frozen=True)
class Source:
    """Where a choice's values come from.

    `labels` names those of the keys that exist; the others are unknown. `search` finds some by typed text; `every`
    lists all where they are few. With `strict` an unknown value is an error, else it is kept and listed as unknown.
    """

    key: str
    labels: Callable[[Frame, Sequence[Key]], Mapping[Key, str]]
    search: Callable[[Frame, str], list[Option]]
    every: Callable[[Frame], list[Option]] | None = None
    strict: bool = False
    numbers: bool = False


def fixed(key: str, options: Iterable[tuple[str, Any]]) -> Source:
    """A closed list of ours, whose labels may be lazy translations."""
    known = dict(options)

    def every(frame: Frame) -> list[Option]:
        return [Option(value, str(label)) for value, label in known.items()]

    def search(frame: Frame, text: str) -> list[Option]:
        return [option for option in every(frame) if text.lower() in option.label.lower()]

    def labels(frame: Frame, keys: Sequence[Key]) -> Mapping[Key, str]:
        return {value: str(known[str(value)]) for value in keys if value in known}

    return Source(key, labels, search, every, strict=True)


def free(key: str) -> Source:
    """Words that no table of ours lists (payment modes, coupon codes): any is taken as typed."""

    def labels(frame: Frame, keys: Sequence[Key]) -> Mapping[Key, str]:
        return {value: str(value) for value in keys}

    return Source(key, labels, lambda frame, text: [])
