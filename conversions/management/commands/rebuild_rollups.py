"""engage rebuild-rollups: derive conversions, responses and the sums that reports read anew from ledger and bills."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from conversions import attribution
from engage.orgs.management import accounts
from engage.orgs.models import Org


class Command(BaseCommand):
    help = (
        "Derive the conversions, responses and sums of every organisation, or of one, anew from the delivery ledger "
        "and the transactions: what the scheduler does every night. The console goes on meanwhile; its KPI strip "
        "follows within minutes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--org", help="the short name of one organisation; without it, all")

    def handle(self, *args: Any, **options: Any) -> None:
        orgs = [accounts.org_of(options["org"])] if options["org"] else list(Org.objects.order_by("slug"))
        for org in orgs:
            began = time.monotonic()
            done = attribution.recompute(org.pk, at=timezone.now())
            corrected = (
                f"; {done.corrected_figures:,} sums were wrong and are right now"
                if done.corrected_figures
                else ""
            )
            self.stdout.write(
                f"{org.slug}: {done.customers:,} customers in {time.monotonic() - began:.1f} s{corrected}"
            )
