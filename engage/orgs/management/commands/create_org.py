"""engage create-org: a new organisation and its first admin."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug
from django.db import transaction
from django.utils import timezone

from engage.orgs import locales
from engage.orgs.founding import found_org, ready_made, seat_member
from engage.orgs.management import accounts
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context


class Command(BaseCommand):
    help = (
        "Make an organisation and its first Org admin. An address without an account gets one; its password is asked "
        "for. Everything else is set in the console."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "slug", help="its short name in addresses: letters, digits, hyphens; cannot change"
        )
        parser.add_argument("--org-name", required=True, help="its name, as people read it")
        parser.add_argument("--admin", required=True, metavar="EMAIL", help="the first Org admin")
        parser.add_argument("--time-zone", default="UTC", help="Europe/Paris, Asia/Kolkata, … (UTC)")
        parser.add_argument(
            "--currency", default="EUR", help="ISO code; fixed by the first transaction (EUR)"
        )
        accounts.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        slug, settings = options["slug"].lower(), _settings(options)
        _check_slug(slug)
        at = timezone.now()
        with transaction.atomic():
            admin = accounts.account(options["admin"], options)
            org = found_org(slug=slug, name=options["org_name"], at=at, **settings)  # type: ignore[arg-type]  # typed where it is made
            with org_context(org.pk):
                seat_member(org, admin, roles=[ready_made(org, "admin")], units=None, by=None, at=at)
        self.stdout.write(f"{org.name} is there; {admin.email} is its Org admin.")


def _check_slug(slug: str) -> None:
    longest = Org._meta.get_field("slug").max_length or 0
    try:
        validate_slug(slug)
    except ValidationError as error:
        raise CommandError(f"“{slug}”: use letters, digits and hyphens only.") from error
    if len(slug) > longest:
        raise CommandError(f"“{slug}” is longer than {longest} characters.")
    if Org.objects.filter(slug=slug).exists():
        raise CommandError(f"There is an organisation “{slug}” already. Choose another short name.")


def _settings(options: dict[str, Any]) -> dict[str, str]:
    zone, currency = options["time_zone"], options["currency"].upper()
    if zone not in dict(locales.ZONES):
        raise CommandError(f"“{zone}” is no time zone. Use a name like Europe/Paris or Asia/Kolkata.")
    if currency not in dict(locales.CURRENCIES):
        raise CommandError(f"“{currency}” is no currency. Use its ISO code, like EUR or INR.")
    return {"time_zone": zone, "currency": currency}
