"""engage verify-audit: walk the audit chains and name the first entry that does not fit (T-32)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from engage.orgs import audit
from engage.orgs.management import accounts
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context


class Command(BaseCommand):
    help = "Check the audit chain of every organisation, or of one. Ends with 1 when an entry was changed or removed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--org", help="the short name of one organisation; without it, all")

    def handle(self, *args: Any, **options: Any) -> None:
        orgs = [accounts.org_of(options["org"])] if options["org"] else list(Org.objects.order_by("slug"))
        broken = 0
        for org in orgs:
            with org_context(org.pk):
                verdict = audit.verify(org)
            broken += bool(verdict.problem)
            self.stdout.write(f"{org.slug}: {verdict.problem or f'whole, {verdict.entries:,} entries'}")
        if broken:
            raise CommandError(f"{broken} of {len(orgs)} audit trails are not as they were written.")
