"""Inviting people: one address, once, for 7 days; a new link kills the old one (T-17)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from engage.orgs import audit, notices
from engage.orgs.access import Access
from engage.orgs.founding import seat_member
from engage.orgs.members import refuse_beyond
from engage.orgs.models import Invitation, Member, OrgUnit, Role, TokenOrg, User
from engage.orgs.models.people import Scope, normal_email
from engage.orgs.tenancy import org_context

VALID = timedelta(days=7)


class InvitationDead(Exception):
    """The link was used, revoked, replaced or is too old; the text says so."""


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def invite(
    email: str, *, roles: Iterable[Role], units: Iterable[OrgUnit] | None, by: Access, at: datetime
) -> Invitation:
    """Invite an address; the mail with the link is written with it. Raises `ChangeRefused` as `give_access` does."""
    role_list, unit_list = list(roles), None if units is None else list(units)
    refuse_beyond(by, role_list, unit_list)
    invitation = Invitation(
        org=by.org,
        email=normal_email(email),
        scope=Scope.ORG if unit_list is None else Scope.UNIT if len(unit_list) == 1 else Scope.UNITS,
        role_ids=[role.pk for role in role_list],
        unit_ids=[unit.pk for unit in unit_list or []],
        invited_by=by.user,
        created_at=at,
    )
    return _send(invitation, by=by, at=at)


@transaction.atomic
def resend(invitation: Invitation, *, by: Access, at: datetime) -> Invitation:
    """Mail a new link; the old one dies."""
    invitation = _lock(invitation, by)
    _forget_token(invitation)
    return _send(invitation, by=by, at=at)


@transaction.atomic
def revoke(invitation: Invitation, *, by: Access, at: datetime) -> None:
    invitation = _lock(invitation, by)
    _forget_token(invitation)
    invitation.revoked_at = at
    invitation.save(update_fields=["revoked_at"])
    audit.record(by.org, "invitation.revoked", by=by.user, at=at, target=invitation)


def find(token: str, *, at: datetime) -> Invitation:
    """The live invitation behind a link. Raises `InvitationDead`; says nothing of why for a token never issued."""
    look_up = TokenOrg.objects.filter(kind=TokenOrg.Kind.INVITATION, token_hash=token_hash(token)).first()
    if look_up is None:
        raise InvitationDead("This invitation is no longer valid. Ask for a new one.")
    with org_context(look_up.org_id):
        invitation = (
            Invitation.objects.for_org(look_up.org_id)
            .select_related("org", "invited_by")
            .get(token_hash=token_hash(token))
        )
    if invitation.expires_at <= at:
        raise InvitationDead("This invitation has expired. Ask for a new one.")
    return invitation


def accept(invitation: Invitation, user: User, *, at: datetime) -> Member:
    """Give the invited person the access; the account must have the invited address (T-17). Works once."""
    with org_context(invitation.org_id):
        invitation = Invitation.objects.for_org(invitation.org_id).select_for_update().get(pk=invitation.pk)
        if invitation.accepted_at or invitation.revoked_at or invitation.expires_at <= at:
            raise InvitationDead("This invitation is no longer valid. Ask for a new one.")
        if user.email != invitation.email:
            raise InvitationDead(f"This invitation is for {invitation.email}. Sign in with that address.")
        org = invitation.org
        roles = Role.objects.for_org(org).filter(pk__in=invitation.role_ids)
        units = OrgUnit.objects.for_org(org).filter(pk__in=invitation.unit_ids)
        member = seat_member(
            org, user, roles=roles, units=None if invitation.scope == Scope.ORG else units, by=user, at=at
        )
        invitation.accepted_at = at
        invitation.save(update_fields=["accepted_at"])
        _forget_token(invitation)
        return member


def _lock(invitation: Invitation, by: Access) -> Invitation:
    invitation = Invitation.objects.for_org(by.org).select_for_update().get(pk=invitation.pk)
    if invitation.accepted_at or invitation.revoked_at:
        raise InvitationDead("This invitation was already accepted or revoked.")
    return invitation


def _send(invitation: Invitation, *, by: Access, at: datetime) -> Invitation:
    token = secrets.token_urlsafe(32)
    invitation.token_hash = token_hash(token)
    invitation.expires_at = at + VALID
    invitation.save()
    TokenOrg.objects.create(
        kind=TokenOrg.Kind.INVITATION, token_hash=invitation.token_hash, org_id=invitation.org_id
    )
    link = settings.CONSOLE_URL + reverse("invitation", kwargs={"token": token})
    notices.write(
        by.org,
        [invitation.email],
        f"You are invited to {by.org.name} on Engage",
        f"{by.user} invites you to join {by.org.name} on Engage.\n\n{link}\n\n"
        "The link works once, for 7 days. If you did not expect it, you can ignore this mail.\n",
        at=at,
    )
    audit.record(by.org, "invitation.sent", by=by.user, at=at, target=invitation)
    return invitation


def _forget_token(invitation: Invitation) -> None:
    TokenOrg.objects.filter(kind=TokenOrg.Kind.INVITATION, token_hash=invitation.token_hash).delete()
