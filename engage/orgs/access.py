"""Who may do what where: the one module that reads and writes django-guardian's grants.

A member's roles add up to a set of rights (T-14), granted on the org for Org scope, else on each unit of the scope;
a grant on the org covers its units. Grants are read anew on every request, so a change acts on the next one (T-16).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from guardian.models import UserObjectPermission

from engage.orgs.models import Member, Org, OrgUnit, Role, Seat, User
from engage.orgs.models.people import Scope
from engage.orgs.rights import LABELS, ORG_SCOPE


class NotAllowed(Exception):
    """The object is visible, the right is missing: answered with 403, naming the right (T-11)."""

    def __init__(self, right: str) -> None:
        super().__init__(f"You need the right “{LABELS.get(right, right)}” ({right}) for this.")
        self.right = right


@dataclass(frozen=True)
class Access:
    """What one user may do in one org, as of this request."""

    org: Org
    user: User
    member_id: int
    rights: frozenset[str]
    whole_org: bool
    unit_ids: frozenset[int]

    def covers(self, unit_id: int | None) -> bool:
        """Whether the scope holds an object owned by this unit (None: by the org)."""
        return self.whole_org or unit_id in self.unit_ids

    def may(self, right: str) -> bool:
        """Whether the rights hold it; pages that change the whole org also need Org scope (T-10)."""
        return right in self.rights and (self.whole_org or right not in ORG_SCOPE)

    def require(self, right: str) -> None:
        """Raise `NotAllowed` unless `may(right)`."""
        if not self.may(right):
            raise NotAllowed(right)


def access_of(user: User, org: Org) -> Access | None:
    """The user's access to the org, None without an active membership. Call inside the org's context."""
    member = Member.objects.for_org(org).filter(user=user, status=Member.Status.ACTIVE).first()
    if member is None:
        return None
    unit_ids: frozenset[int] = frozenset()
    if member.scope != Scope.ORG:
        unit_ids = frozenset(member.units.for_org(org).values_list("unit_id", flat=True))
    target = Org if member.scope == Scope.ORG else OrgUnit
    keys = [str(org.pk)] if member.scope == Scope.ORG else [str(pk) for pk in unit_ids]
    rights = UserObjectPermission.objects.filter(
        user=user, content_type=ContentType.objects.get_for_model(target), object_pk__in=keys
    ).values_list("permission__codename", flat=True)
    return Access(org, user, member.pk, frozenset(rights), member.scope == Scope.ORG, unit_ids)


def role_rights(org: Org, role_ids: Iterable[int]) -> frozenset[str]:
    """The union of the rights of some roles."""
    sets = Role.objects.for_org(org).filter(pk__in=list(role_ids)).values_list("rights", flat=True)
    return frozenset(right for rights in sets for right in rights)


def sync_grants(member: Member) -> None:
    """Make guardian's rows say what the member's status, roles and scope say. Safe to repeat."""
    org = member.org
    units = list(OrgUnit.objects.for_org(org).values_list("pk", flat=True))
    types = {model: ContentType.objects.get_for_model(model) for model in (Org, OrgUnit)}
    mine = UserObjectPermission.objects.filter(user_id=member.user_id)
    mine.filter(content_type=types[Org], object_pk=str(org.pk)).delete()
    mine.filter(content_type=types[OrgUnit], object_pk__in=[str(pk) for pk in units]).delete()
    active = member.status == Member.Status.ACTIVE
    if active:
        Seat.objects.get_or_create(user_id=member.user_id, org=org)
    else:
        Seat.objects.filter(user_id=member.user_id, org=org).delete()
        return
    target: type[Org] | type[OrgUnit] = Org if member.scope == Scope.ORG else OrgUnit
    objects = (
        [org.pk]
        if member.scope == Scope.ORG
        else list(member.units.for_org(org).values_list("unit_id", flat=True))
    )
    rights = role_rights(org, member.roles.for_org(org).values_list("role_id", flat=True))
    permissions = Permission.objects.filter(content_type=types[target], codename__in=rights)
    UserObjectPermission.objects.bulk_create(
        UserObjectPermission(
            user_id=member.user_id, content_type=types[target], object_pk=str(pk), permission=permission
        )
        for pk in objects
        for permission in permissions
    )


def holders(org: Org, right: str, unit_id: int | None) -> list[User]:
    """Active members who hold the right on an object of this owner, in the order they joined."""
    org_type, unit_type = (ContentType.objects.get_for_model(model) for model in (Org, OrgUnit))
    grants = UserObjectPermission.objects.filter(permission__codename=right)
    on_org = grants.filter(content_type=org_type, object_pk=str(org.pk)).values("user_id")
    users = User.objects.filter(pk__in=on_org)
    if unit_id is not None:
        on_unit = grants.filter(content_type=unit_type, object_pk=str(unit_id)).values("user_id")
        users = users | User.objects.filter(pk__in=on_unit)
    members = (
        Member.objects.for_org(org).filter(status=Member.Status.ACTIVE).values_list("user_id", flat=True)
    )
    return list(users.filter(pk__in=list(members), is_active=True).distinct().order_by("pk"))
