"""Who may do what where: roles, scopes, and the rules that keep an org governed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from engage.orgs import founding, members
from engage.orgs.access import Access, access_of, holders
from engage.orgs.members import ChangeRefused
from engage.orgs.models import AuditEntry, Member, Org, OrgUnit, Role, User
from engage.orgs.rights import ALL_RIGHTS, READY_MADE
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def access(org: Org, user: User) -> Access:
    found = access_of(user, org)
    assert found is not None
    return found


def unit(org: Org, code: str) -> OrgUnit:
    return founding.add_unit(org, name=code.title(), code=code, by=None, at=NOW)


def member_of(org: Org, user: User) -> Member:
    return Member.objects.for_org(org).get(user=user)


def test_the_ready_made_roles_are_those_of_the_table() -> None:
    """T-12, T-13"""
    marketer, approver = READY_MADE["marketer"][1], READY_MADE["approver"][1]
    assert READY_MADE["admin"][1] == ALL_RIGHTS
    assert "message.approve" in approver and "message.approve" not in marketer
    assert "audience.upload" in marketer and "audience.upload" not in approver
    assert READY_MADE["analyst"][1] == {
        "campaign.view", "audience.view", "content.view", "incentive.view", "report.view", "report.export",
    }  # fmt: skip
    assert {"ops.control", "settings.senders", "message.control"} <= READY_MADE["ops"][1]
    assert "customer.erase" not in READY_MADE["audience-manager"][1]


def test_rights_of_several_roles_add_up(inside: Org) -> None:
    """T-14"""
    person = factories.member(inside, "analyst", "audience-manager")
    assert access(inside, person).rights == READY_MADE["analyst"][1] | READY_MADE["audience-manager"][1]


def test_org_scope_covers_units_and_unit_scope_covers_only_its_own(inside: Org) -> None:
    """T-08, T-09"""
    north, south = unit(inside, "north"), unit(inside, "south")
    whole = access(inside, factories.member(inside, "marketer"))
    one = access(inside, factories.member(inside, "marketer", units=[north]))
    assert whole.covers(None) and whole.covers(south.pk)
    assert one.covers(north.pk) and not one.covers(south.pk) and not one.covers(None)
    assert one.rights == READY_MADE["marketer"][1]


def test_a_unit_created_later_is_covered_by_org_scope_only(inside: Org) -> None:
    """T-08"""
    north = unit(inside, "north")
    whole, one = factories.member(inside, "analyst"), factories.member(inside, "analyst", units=[north])
    later = unit(inside, "later")
    assert access(inside, whole).covers(later.pk)
    assert not access(inside, one).covers(later.pk)


def test_whole_org_settings_need_org_scope_as_well_as_the_right(inside: Org) -> None:
    """T-10"""
    one = access(inside, factories.member(inside, "admin", units=[unit(inside, "north")]))
    assert "settings.members" in one.rights and not one.may("settings.members")


def test_holders_are_those_whose_scope_and_roles_allow_it(inside: Org) -> None:
    """T-09"""
    north, south = unit(inside, "north"), unit(inside, "south")
    whole = factories.member(inside, "approver")
    northern = factories.member(inside, "approver", units=[north])
    factories.member(inside, "marketer")
    assert holders(inside, "message.approve", north.pk) == [whole, northern]
    assert holders(inside, "message.approve", south.pk) == [whole]
    assert holders(inside, "message.approve", None) == [whole]


def test_nobody_changes_their_own_access(inside: Org, admin: User) -> None:
    """T-15"""
    with pytest.raises(ChangeRefused, match="their own"):
        members.give_access(
            member_of(inside, admin),
            roles=[founding.ready_made(inside, "ops")],
            units=None,
            by=access(inside, admin),
            at=NOW,
        )


def test_nobody_gives_a_right_they_lack(inside: Org, admin: User, marketer: User) -> None:
    """T-15"""
    few = Role.objects.create(org=inside, name="Few", rights=["settings.members", "campaign.view"])
    other = factories.user("Half Admin")
    founding.seat_member(inside, other, roles=[few], units=None, by=admin, at=NOW)
    with pytest.raises(ChangeRefused, match="don't have"):
        members.give_access(
            member_of(inside, marketer),
            roles=[founding.ready_made(inside, "approver")],
            units=None,
            by=access(inside, other),
            at=NOW,
        )


def test_the_last_admin_cannot_be_removed_or_demoted(inside: Org, admin: User) -> None:
    """T-15"""
    second = factories.member(inside, "admin", name="Second Admin")
    members.remove(member_of(inside, second), by=access(inside, admin), at=NOW)
    unit_admin = factories.member(inside, "admin", units=[unit(inside, "north")])
    by = Access(inside, unit_admin, member_of(inside, unit_admin).pk, ALL_RIGHTS, True, frozenset())
    with pytest.raises(ChangeRefused, match="last Org admin"):
        members.suspend(member_of(inside, admin), by=by, at=NOW)
    with pytest.raises(ChangeRefused, match="last Org admin"):
        members.give_access(
            member_of(inside, admin), roles=[founding.ready_made(inside, "ops")], units=None, by=by, at=NOW
        )


def test_a_ready_made_role_cannot_be_edited_but_its_copy_can(inside: Org, admin: User) -> None:
    """T-14"""
    by = access(inside, admin)
    with pytest.raises(ChangeRefused, match="Copy it"):
        members.save_role(founding.ready_made(inside, "ops"), rights=["ops.view"], by=by, at=NOW)
    copy = members.save_role(Role(org=inside, name="Night watch"), rights=["ops.view"], by=by, at=NOW)
    person = factories.user("Watcher")
    founding.seat_member(inside, person, roles=[copy], units=None, by=admin, at=NOW)
    members.save_role(copy, rights=["ops.view", "ops.control"], by=by, at=NOW)
    assert access(inside, person).rights == {"ops.view", "ops.control"}


def test_a_suspension_acts_on_the_next_request_of_somebody_signed_in(
    org: Org, admin: User, client: Client
) -> None:
    """T-16, T-18"""
    second = factories.member(org, "admin", name="Second Admin")
    client.force_login(second)
    page = f"/o/{org.slug}/settings/"
    assert client.get(page).status_code == 200
    with factories.org_context(org.pk):
        members.suspend(member_of(org, second), by=access(org, admin), at=NOW)
    assert client.get(page).status_code == 404
    with factories.org_context(org.pk):
        members.restore(member_of(org, second), by=access(org, admin), at=NOW)
    assert client.get(page).status_code == 200
    with factories.org_context(org.pk):
        members.remove(member_of(org, second), by=access(org, admin), at=NOW)
        assert AuditEntry.objects.for_org(org).filter(object_kind="member", action="member.removed").exists()
    assert client.get(page).status_code == 404


def test_a_missing_right_is_named_and_the_attempt_is_kept(org: Org, marketer: User, client: Client) -> None:
    """T-11, T-31"""
    client.force_login(marketer)
    answer = client.get(f"/o/{org.slug}/settings/members/")
    assert answer.status_code == 403
    assert "settings.members" in answer.content.decode()
    with factories.org_context(org.pk):
        denied = AuditEntry.objects.for_org(org).filter(action="access.denied", actor_id=marketer.pk)
        assert denied.count() == 1


def test_a_foreign_org_answers_like_one_that_never_existed(
    org: Org, other_org: Org, admin: User, client: Client
) -> None:
    """T-11, Q-09"""
    client.force_login(admin)
    foreign = client.get(f"/o/{other_org.slug}/settings/")
    nowhere = client.get("/o/never-was/settings/")
    assert foreign.status_code == nowhere.status_code == 404

    def body(answer: Any) -> str:
        return str(answer.content.decode()).replace(other_org.slug, "?").replace("never-was", "?")

    assert body(foreign) == body(nowhere)


def test_one_sign_in_serves_several_orgs_and_the_header_names_the_current_one(
    org: Org, other_org: Org, admin: User, client: Client
) -> None:
    """T-07"""
    with factories.org_context(other_org.pk):
        founding.seat_member(
            other_org, admin, roles=[founding.ready_made(other_org, "admin")], units=None, by=None, at=NOW
        )
    client.force_login(admin)
    home = client.get("/").content.decode()
    assert org.name in home and other_org.name in home
    page = client.get(f"/o/{other_org.slug}/settings/").content.decode()
    assert f"{other_org.name}: switch organisation" in page


def test_the_menu_shows_only_what_rights_allow(org: Org, admin: User, client: Client) -> None:
    """T-34"""
    analyst = factories.member(org, "analyst")
    client.force_login(admin)
    assert f'href="/o/{org.slug}/settings/"' in client.get(f"/o/{org.slug}/settings/").content.decode()
    client.force_login(analyst)
    page = client.get(f"/o/{org.slug}/jobs/").content.decode()
    assert f'href="/o/{org.slug}/settings/"' not in page
