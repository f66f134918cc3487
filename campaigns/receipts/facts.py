"""What is known to have happened to a delivery, ready to be stored, whichever door it came through."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Self

from channels.tokens import LedgerKey

# A report can be dated before its run's day: the day is the campaign's, and clocks differ. It cannot be much earlier,
# nor later than now; such a time would be an error of the provider, and make months that nobody drops.
EARLIEST: Final = timedelta(days=2)
LATEST: Final = timedelta(days=1)


class Event(NamedTuple):
    """`at` is the provider's own time, `code` its own code, `link` the number of the link that was followed.

    `machine` marks what no person did (H-24): kept, and counted nowhere.
    """

    event_key: str
    kind: str
    at: datetime
    code: str = ""
    machine: bool = False
    link: int | None = None
    raw: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "at": self.at.isoformat()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**{**data, "at": datetime.fromisoformat(data["at"])})


class Fact(NamedTuple):
    """An event of one delivery."""

    key: LedgerKey
    event: Event

    def believable(self, received_at: datetime) -> bool:
        """Whether the event's time can be true."""
        return self.event.at.date() >= self.key.run_on - EARLIEST and self.event.at <= received_at + LATEST
