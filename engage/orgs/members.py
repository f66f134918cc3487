"""Every way a member, a role or a unit changes, with the rules that keep an org governed (T-14 to T-18)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from engage.orgs import audit
from engage.orgs.access import Access, role_rights, sync_grants
from engage.orgs.founding import seat_member
from engage.orgs.models import Member, MemberRole, Org, OrgUnit, Role
from engage.orgs.models.people import Scope
from engage.orgs.rights import ALL_RIGHTS


class ChangeRefused(Exception):
    """The change would break a rule of the org; the text is fit for the user."""


def give_access(
    member: Member, *, roles: Iterable[Role], units: Iterable[OrgUnit] | None, by: Access, at: datetime
) -> Member:
    """Set a member's roles and scope. `units` None is Org scope. Locks the member.

    Raises `ChangeRefused` for one's own access, rights one lacks, a scope beyond one's own, the last admin (T-15).
    """
    role_list, unit_list = list(roles), None if units is None else list(units)
    with transaction.atomic():
        member = Member.objects.for_org(by.org).select_for_update().get(pk=member.pk)
        _refuse_own(member, by)
        refuse_beyond(by, role_list, unit_list)
        _refuse_beyond_held(member, by)
        if not _stays_governed(by.org, member, role_list, whole_org=unit_list is None):
            raise ChangeRefused("This is the last Org admin. Make someone else an Org admin first.")
        return seat_member(by.org, member.user, roles=role_list, units=unit_list, by=by.user, at=at)


def suspend(member: Member, *, by: Access, at: datetime) -> Member:
    """Take effect on the member's next request, also where already signed in (T-16)."""
    return _set_status(member, Member.Status.SUSPENDED, by=by, at=at)


def restore(member: Member, *, by: Access, at: datetime) -> Member:
    return _set_status(member, Member.Status.ACTIVE, by=by, at=at)


def remove(member: Member, *, by: Access, at: datetime) -> Member:
    """The member loses all access; the audit log keeps their name (T-18)."""
    return _set_status(member, Member.Status.REMOVED, by=by, at=at)


def refuse_beyond(by: Access, roles: Iterable[Role], units: Iterable[OrgUnit] | None) -> None:
    """Nobody gives a right they lack, or acts beyond their scope (T-15)."""
    given = frozenset(right for role in roles for right in role.rights)
    if missing := sorted(given - by.rights):
        raise ChangeRefused(f"You can't give rights that you don't have: {', '.join(missing)}.")
    if units is None and not by.whole_org:
        raise ChangeRefused("Only a member of the whole organisation can give access to it.")
    if any(not by.covers(unit.pk) for unit in units or []):
        raise ChangeRefused("You can't give access to a unit outside your own scope.")


def _refuse_own(member: Member, by: Access) -> None:
    if member.user_id == by.user.pk:
        raise ChangeRefused("Nobody changes their own access. Ask another Org admin.")


def _refuse_beyond_held(member: Member, by: Access) -> None:
    held = role_rights(by.org, member.roles.for_org(by.org).values_list("role_id", flat=True))
    if missing := sorted(held - by.rights):
        raise ChangeRefused(f"This member has rights that you don't have: {', '.join(missing)}.")


def _stays_governed(org: Org, member: Member, roles: list[Role], *, whole_org: bool) -> bool:
    """Whether someone still holds every right on the whole org once `member` has only `roles`."""
    if whole_org and frozenset(right for role in roles for right in role.rights) >= ALL_RIGHTS:
        return True
    admins = [role.pk for role in Role.objects.for_org(org) if frozenset(role.rights) >= ALL_RIGHTS]
    # The admins' rows are locked in order, so that two of them cannot demote each other at once.
    others = (
        Member.objects.for_org(org)
        .filter(status=Member.Status.ACTIVE, scope=Scope.ORG)
        .filter(pk__in=MemberRole.objects.for_org(org).filter(role_id__in=admins).values("member_id"))
        .order_by("pk")
        .select_for_update()
    )
    return any(other.pk != member.pk for other in others)


@transaction.atomic
def _set_status(member: Member, status: Member.Status, *, by: Access, at: datetime) -> Member:
    member = Member.objects.for_org(by.org).select_for_update().get(pk=member.pk)
    _refuse_own(member, by)
    _refuse_beyond_held(member, by)
    if status != Member.Status.ACTIVE and not _stays_governed(by.org, member, [], whole_org=False):
        raise ChangeRefused("This is the last Org admin. Make someone else an Org admin first.")
    before = member.status
    member.status = status
    member.save(update_fields=["status"])
    sync_grants(member)
    audit.record(
        by.org, f"member.{status}", by=by.user, at=at, target=member,
        before={"status": before}, after={"status": status},
    )  # fmt: skip
    return member


@transaction.atomic
def save_role(role: Role, *, rights: Iterable[str], by: Access, at: datetime) -> Role:
    """Make or change a custom role; its members' grants follow at once. Ready-made ones cannot be edited (T-14)."""
    wanted = frozenset(rights)
    if role.ready_made:
        raise ChangeRefused("A ready-made role can't be edited. Copy it and change the copy.")
    if unknown := sorted(wanted - ALL_RIGHTS):
        raise ChangeRefused(f"Unknown rights: {', '.join(unknown)}.")
    if missing := sorted(wanted - by.rights):
        raise ChangeRefused(f"You can't give rights that you don't have: {', '.join(missing)}.")
    before = None if role.pk is None else {"rights": sorted(role.rights)}
    if role.pk is not None and _is_held_by(role, by):
        raise ChangeRefused("Nobody changes a role that they hold themselves. Ask another Org admin.")
    role.rights = sorted(wanted)
    role.save()
    for member in Member.objects.for_org(by.org).filter(roles__role=role):
        sync_grants(member)
    audit.record(
        by.org, "role.saved", by=by.user, at=at, target=role, before=before, after={"rights": sorted(wanted)}
    )
    return role


def _is_held_by(role: Role, by: Access) -> bool:
    return MemberRole.objects.for_org(by.org).filter(role=role, member_id=by.member_id).exists()
