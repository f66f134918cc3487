"""The scheduler: rings what is due, keeps the fence, makes the months. Any number of copies may run (Q-05)."""

from __future__ import annotations

import logging
import signal
import threading
import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error, connection
from kombu.exceptions import OperationalError as BrokerError

from campaigns import arming, upkeep
from campaigns.clock import database_now
from engage.orgs import due

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
BEAT_SECONDS = 5.0
TROUBLE_SECONDS = 2.0
MONTHS_EVERY = timedelta(hours=12).total_seconds()


class Command(BaseCommand):
    help = "Ring what is due, for ever. Run one or more beside the workers."

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        loop = Loop()
        logger.info("scheduler runs")
        while not stopped.is_set():
            stopped.wait(loop.turn())
        logger.info("scheduler stops")


class Loop:
    """One turn looks once; what fails is tried again at the next."""

    def __init__(self) -> None:
        self._beat_at = 0.0
        self._months_at = 0.0

    def turn(self) -> float:
        """Returns the seconds until the next look."""
        try:
            self._look()
        except (Error, BrokerError):
            # The database or the broker is away: nothing is lost, due work waits in its table.
            logger.exception("the scheduler could not look")
            connection.close()
            return TROUBLE_SECONDS
        return LOOK_SECONDS

    def _look(self) -> None:
        now, at = time.monotonic(), database_now()
        if now >= self._months_at:
            upkeep.make_months(at.date())
            self._months_at = now + MONTHS_EVERY
        if now >= self._beat_at:
            arming.beat(at)
            self._beat_at = now + BEAT_SECONDS
        due.ring_due(at)
