"""Check the delivery ledger of one org or of all against itself."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.verify import verify
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context


class Command(BaseCommand):
    help = "Recount every run and compare it with the counts that pages show. Ends with 1 when something is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--org", help="slug of one org; without it, all")

    def handle(self, *args: Any, **options: Any) -> None:
        orgs = Org.objects.order_by("slug")
        if options["org"]:
            orgs = orgs.filter(slug=options["org"])
            if not orgs.exists():
                raise CommandError(f"There is no organisation “{options['org']}”.")
        wrong = 0
        for org in orgs:
            with org_context(org.pk):
                for finding in verify(org):
                    wrong += 1
                    self.stdout.write(f"{org.slug}: run {finding.run}: {finding.what}")
        if wrong:
            raise CommandError(f"{wrong} things are wrong with the ledger.")
        self.stdout.write("The ledger is whole.")
