"""engage add-member: give a person access to an organisation, or replace the access that they have."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from engage.orgs.founding import seat_member
from engage.orgs.management import accounts
from engage.orgs.models import Org, OrgUnit, Role
from engage.orgs.rights import READY_MADE
from engage.orgs.tenancy import org_context


class Command(BaseCommand):
    help = (
        "Add a person to an organisation with one or more roles, or replace the access that they have there. An "
        "address without an account gets one; its password is asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("org", help="the organisation's short name, as in its address")
        parser.add_argument("email")
        roles = ", ".join(READY_MADE)
        parser.add_argument(
            "--role",
            action="append",
            required=True,
            help=f"{roles}, or the name of a custom role; may be repeated",
        )
        parser.add_argument(
            "--unit", action="append", help="the code of a unit to limit the access to; may be repeated"
        )
        accounts.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        org = accounts.org_of(options["org"])
        with transaction.atomic(), org_context(org.pk):
            roles = [_role(org, name) for name in options["role"]]
            units = [_unit(org, code) for code in options["unit"]] if options["unit"] else None
            user = accounts.account(options["email"], options)
            seat_member(org, user, roles=roles, units=units, by=None, at=timezone.now())
        where = ", ".join(unit.name for unit in units or []) or "the whole organisation"
        self.stdout.write(f"{user.email} is {', '.join(role.name for role in roles)} of {org.name}: {where}.")


def _role(org: Org, name: str) -> Role:
    known = list(Role.objects.for_org(org))
    found = next((role for role in known if role.key == name), None)
    found = found or next((role for role in known if role.name.casefold() == name.casefold()), None)
    if found is None:
        raise CommandError(
            f"There is no role “{name}”. Known: {', '.join(role.key or role.name for role in known)}."
        )
    return found


def _unit(org: Org, code: str) -> OrgUnit:
    found: OrgUnit | None = OrgUnit.objects.for_org(org).filter(code=code).first()
    if found is None:
        raise CommandError(f"{org.name} has no unit with the code “{code}”.")
    return found
