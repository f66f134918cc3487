"""How old the figures of sales are, and when they are derived next (M-07)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from conversions import tasks
from conversions.models import Progress
from engage.orgs.models import Org
from reporting.models import StripFigures

# Sales, conversions and the strip are at most this far behind the intake.
LATE_AFTER: Final = timedelta(minutes=15)
STRIP_EVERY: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Freshness:
    """`as_of` None: nothing was derived yet."""

    as_of: datetime | None = None
    next_at: datetime | None = None
    transactions_up_to: datetime | None = None
    late: bool = False


def live(*, at: datetime) -> Freshness:
    """Of states and outcomes: counted whenever the page is opened."""
    return Freshness(at)


def of_sales(org: Org | int, *, at: datetime) -> Freshness:
    """Of hit rates, sales and conversions: attribution's last run."""
    progress = Progress.objects.for_org(org).first()
    if progress is None:
        return Freshness()
    return _after(progress.ran_at, tasks.EVERY, progress.transactions_up_to, at)


def of_strip(figures: StripFigures, *, at: datetime) -> Freshness:
    return _after(figures.computed_at, STRIP_EVERY, figures.transactions_up_to, at)


def _after(done: datetime, every: timedelta, up_to: datetime | None, at: datetime) -> Freshness:
    """A run that is due already is about to begin, so the next one is never in the past."""
    return Freshness(done, max(done + every, at), up_to, late=at - done > LATE_AFTER)
