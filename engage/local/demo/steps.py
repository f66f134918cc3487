"""A load is a list of steps. Each is safe to repeat; one that was finished is not begun again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engage.orgs.jobs import Progress
from engage.orgs.models import Job
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

T = TypeVar("T")
# The page that shows a job looks every few seconds.
TELL_EVERY = 1.0


class Meter:
    """Tells the job's page how far the load is. `size` of a step and what it counts are in the same unit: records."""

    def __init__(self, progress: Progress, total: int, counts: dict[str, int] | None = None) -> None:
        self._progress = progress
        self._total = total
        self._told_at = 0.0
        self.done = 0
        self.counts: dict[str, int] = dict(counts or {})

    def count(self, word: str, n: int) -> None:
        """`n` more are done. Call outside any transaction. Raises `jobs.Cancelled` when somebody asked for it."""
        self.done += n
        self.counts[word] = self.counts.get(word, 0) + n
        if time.monotonic() > self._told_at + TELL_EVERY:
            self.tell()

    def tell(self) -> None:
        self._progress.advance(self.done, total=self._total, counts=self.counts)
        self._told_at = time.monotonic()

    def through(self, records: Iterable[T], word: str, *, every: int = 500) -> Iterator[T]:
        """The records, counted as they are taken."""
        n = 0
        for n, record in enumerate(records, 1):
            yield record
            if n % every == 0:
                self.count(word, every)
        self.count(word, n % every)


@dataclass(frozen=True)
class Step:
    """`size` is how many records it will count; `run` may be called again after it was cut short."""

    name: str
    size: int
    run: Callable[[Meter], None]


def take(steps: Sequence[Step], job: Job, progress: Progress) -> None:
    """Do the steps in order, and remember in the job which are done."""
    # What an unfinished step had counted is counted again.
    meter = Meter(progress, sum(step.size for step in steps), job.parameters.get("counted"))
    finished: list[str] = job.parameters.setdefault("finished", [])
    for step in steps:
        if step.name in finished:
            meter.done += step.size
            continue
        began, before = time.monotonic(), meter.done
        kept = dict(meter.counts)
        step.run(meter)
        meter.done = before + step.size
        finished.append(step.name)
        job.parameters["counted"] = meter.counts
        with org_context(job.org_id):
            job.save(update_fields=["parameters"])
        meter.tell()
        new = {word: n - kept.get(word, 0) for word, n in meter.counts.items() if n != kept.get(word, 0)}
        said = ", ".join(f"{n:,} {word}" for word, n in new.items())
        logger.info(
            "%s: %s%s, %.1f s", job.org, step.name, f" ({said})" if said else "", time.monotonic() - began
        )
