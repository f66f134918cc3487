"""What became of each record (A-16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter


class Verdict(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


class Rejected(Exception):
    """The record is not taken. `code` is for machines, `field` names the culprit, the text says what to do."""

    def __init__(self, code: str, field: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.field = field
        self.reason = reason


@dataclass(slots=True)
class Answer:
    """About one record. `number` is its place in the call from 0, or its line in a file.

    `code` says more: why it was rejected, or `waiting` for a bill kept until its customer arrives (A-15).
    """

    number: int
    external_id: str
    verdict: Verdict
    code: str = ""
    field: str = ""
    reason: str = ""

    @classmethod
    def rejection(cls, number: int, external_id: str, why: Rejected) -> Answer:
        return cls(number, external_id, Verdict.REJECTED, why.code, why.field, why.reason)


@dataclass
class Answers:
    """About every record of a call, in its order: created + updated + unchanged + rejected = records in (Q-18)."""

    rows: list[Answer] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return counted(self.rows)

    @property
    def rejected(self) -> list[Answer]:
        return [row for row in self.rows if row.verdict is Verdict.REJECTED]


def counted(rows: Iterable[Answer]) -> dict[str, int]:
    """How many of each verdict; all four are named."""
    tally = Counter(map(attrgetter("verdict"), rows))
    return {verdict.value: tally[verdict] for verdict in Verdict}
