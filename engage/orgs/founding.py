"""Making orgs, units and members: what the pages, the operator's commands and the demo all call."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from engage.orgs import audit
from engage.orgs.access import sync_grants
from engage.orgs.models import Member, MemberRole, MemberUnit, Org, OrgSettings, OrgUnit, Role, User
from engage.orgs.models.people import Scope
from engage.orgs.rights import READY_MADE
from engage.orgs.tenancy import org_context


def found_org(*, slug: str, name: str, at: datetime, by: User | None = None, **settings: Any) -> Org:
    """A new tenant with its settings and the ready-made roles (T-13). Raises IntegrityError for a slug in use."""
    with transaction.atomic():
        org = Org.objects.create(slug=slug, name=name, created_at=at)
        with org_context(org.pk):
            OrgSettings.objects.create(org=org, **settings)
            Role.objects.bulk_create(
                Role(org=org, key=key, name=title, rights=sorted(rights), ready_made=True)
                for key, (title, rights) in READY_MADE.items()
            )
            audit.record(org, "org.created", by=by, at=at, target=org)
    return org


def add_unit(org: Org, *, name: str, code: str, by: User | None, at: datetime) -> OrgUnit:
    return save_unit(OrgUnit(org=org, name=name, code=code, created_at=at), by=by, at=at)


@transaction.atomic
def save_unit(unit: OrgUnit, *, by: User | None, at: datetime, archive: bool = False) -> OrgUnit:
    """A new unit, a new name, or a unit put away; its code stays (T-02)."""
    action = "unit.created" if unit.pk is None else "unit.archived" if archive else "unit.changed"
    unit.status = OrgUnit.Status.ARCHIVED if archive else OrgUnit.Status.ACTIVE
    unit.save()
    audit.record(unit.org_id, action, by=by, at=at, target=unit, after={"name": unit.name, "code": unit.code})
    return unit


def seat_member(
    org: Org,
    user: User,
    *,
    roles: Iterable[Role],
    units: Iterable[OrgUnit] | None,
    by: User | None,
    at: datetime,
) -> Member:
    """Give a person access to the org, or replace the access they have. `units` None is Org scope."""
    unit_list = None if units is None else list(units)
    scope = Scope.ORG if unit_list is None else Scope.UNIT if len(unit_list) == 1 else Scope.UNITS
    member, _ = Member.objects.for_org(org).update_or_create(
        org=org,
        user=user,
        defaults={"scope": scope, "status": Member.Status.ACTIVE},
        create_defaults={"scope": scope, "status": Member.Status.ACTIVE, "created_at": at},
    )
    member.roles.for_org(org).delete()
    member.units.for_org(org).delete()
    role_list = list(roles)
    MemberRole.objects.bulk_create(MemberRole(org=org, member=member, role=role) for role in role_list)
    MemberUnit.objects.bulk_create(MemberUnit(org=org, member=member, unit=unit) for unit in unit_list or [])
    sync_grants(member)
    audit.record(
        org,
        "member.seated",
        by=by,
        at=at,
        target=member,
        after={"roles": [role.name for role in role_list], "units": [u.code for u in unit_list or []]},
    )
    return member


def ready_made(org: Org, key: str) -> Role:
    """The ready-made role of this key (`rights.READY_MADE`)."""
    return Role.objects.for_org(org).get(key=key, ready_made=True)
