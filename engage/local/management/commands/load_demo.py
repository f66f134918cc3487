"""Load the two demo organisations. Repeats nothing: a load that was cut short goes on, a whole one is left alone."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from engage.local.demo import loading
from engage.local.demo.carrier import CarrierMissing


class Command(BaseCommand):
    help = (
        "Load the two demo organisations, with their past campaigns sent through the sandbox carrier. Runs beside "
        "`engage up`; goes on where it was cut short, and does nothing once they are there."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would name every question to the carrier
        began = time.monotonic()
        try:
            loaded = loading.load()
        except (CarrierMissing, loading.AnotherLoads, loading.LoadFailed) as problem:
            raise CommandError(str(problem)) from problem
        if not loaded:
            self.stdout.write("The demo is there already; nothing was changed.")
            return
        for job in loaded:
            counts = ", ".join(f"{n:,} {word}" for word, n in job.counts.items())
            self.stdout.write(f"{job.org}: {counts}")
        self.stdout.write(f"loaded in {time.monotonic() - began:.0f} s")
