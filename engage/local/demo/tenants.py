"""What both tenants are made of: the org with its people, what a job of loading knows of it, and its senders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.utils import timezone

from audiences import intake
from audiences.models import Attribute
from channels import senders
from channels.models import Sender
from engage.local.demo.people import Record
from engage.local.demo_accounts import ACCOUNTS, PASSWORD, DemoAccount
from engage.orgs.access import Access, access_of
from engage.orgs.founding import add_unit, found_org, ready_made, seat_member
from engage.orgs.models import Member, Org, OrgSettings, OrgUnit, User
from engage.orgs.tenancy import org_context

# Messages a second: while the past is sent, and afterwards.
LOADING_PACE: Final = 1_000
WATCHED_PACE: Final = 25


@dataclass(frozen=True)
class Tenant:
    """An org of the demo. `at` is when its load first began; `writer` and `approver` are two people (C-28)."""

    org: Org
    settings: OrgSettings
    admin: User
    writer: User
    approver: User
    at: datetime

    @property
    def today(self) -> date:
        """The day of `at` in Org time: the data ends the day before, also when a load goes on days later."""
        return self.settings.today(self.at)

    def access(self, user: User) -> Access:
        """Call inside the org's context."""
        found = access_of(user, self.org)
        if found is None:
            raise LookupError(f"{user.email} is no member of {self.org.slug}")
        return found


def found(
    key: str, *, slug: str, name: str, units: Mapping[str, str], at: datetime, **settings: Any
) -> Tenant:
    """The tenant `key` of `demo_accounts` with its units and people; what is there already stays as it is."""
    org = Org.objects.filter(slug=slug).first() or found_org(slug=slug, name=name, at=at, **settings)
    with org_context(org.pk):
        known = set(OrgUnit.objects.for_org(org).values_list("code", flat=True))
        for code, title in units.items():
            if code not in known:
                add_unit(org, name=title, code=code, by=None, at=at)
        people = {account.role_key: _seat(org, account, at) for account in _accounts_of(key)}
        stored = OrgSettings.objects.for_org(org).get()
    admin = people["admin"]
    # A tenant without marketer and approver: another admin writes, so that somebody else approves.
    other = next((_user(account) for account in ACCOUNTS if key in account.also), admin)
    return Tenant(org, stored, admin, people.get("marketer", other), people.get("approver", admin), at)


def _accounts_of(key: str) -> list[DemoAccount]:
    """Those who belong elsewhere first: the tenant's own people of the same role come last."""
    guests = [account for account in ACCOUNTS if key in account.also]
    return [*guests, *(account for account in ACCOUNTS if account.tenant == key)]


def _seat(org: Org, account: DemoAccount, at: datetime) -> User:
    user = _user(account)
    if not Member.objects.for_org(org).filter(user=user).exists():
        seat_member(org, user, roles=[ready_made(org, account.role_key)], units=None, by=None, at=at)
    return user


def _user(account: DemoAccount) -> User:
    return User.objects.by_email(account.email) or User.objects.create_user(
        account.email, account.name, PASSWORD
    )


def declare(org: Org, attributes: Iterable[Attribute]) -> None:
    """Custom attributes of the org; call inside its context. Those declared already stay."""
    Attribute.objects.bulk_create(list(attributes), ignore_conflicts=True)


def take(tenant: Tenant, kind: str, records: Iterable[Record]) -> None:
    """Take records in by the door of files and calls. Raises LookupError for one that was rejected: ours all fit."""
    answers = intake.take(tenant.org, kind, records, source="demo", at=timezone.now())
    if answers.rejected:
        raise LookupError(f"{len(answers.rejected)} {kind} were rejected, as {answers.rejected[0]}")


def sender(tenant: Tenant, channel: str, *, name: str, identity: str, **behaviour: Any) -> Sender:
    """The tenant's sender at the sandbox carrier, at the pace of the load. Call inside the org's context.

    Raises `sandbox.CarrierUnavailable`.
    """
    found = Sender.objects.for_org(tenant.org).filter(channel=channel, name=name).first()
    if found is None:
        found = senders.open_sandbox(
            tenant.org, channel, name=name, identity=identity, by=tenant.admin, at=tenant.at, **behaviour
        )
        found = _pace(tenant, found, LOADING_PACE)
    return found


def slow_down(tenant: Tenant) -> None:
    """From now on the senders keep a pace at which a person can watch. Call inside the org's context."""
    for found in Sender.objects.for_org(tenant.org).filter(per_second=LOADING_PACE):
        _pace(tenant, found, WATCHED_PACE)


def _pace(tenant: Tenant, found: Sender, per_second: int) -> Sender:
    found.per_second = per_second
    return senders.change(found, secret="", by=tenant.admin, at=timezone.now())
