"""Signing in, second factor, invitations: without saying who has an account."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from engage.orgs import founding, invitations, notices, second_factor
from engage.orgs.access import access_of
from engage.orgs.invitations import InvitationDead
from engage.orgs.models import AuditEntry, Invitation, Member, Notice, Org, TokenOrg, User
from engage.orgs.signin import GuessablePasswordValidator
from engage.orgs.tenancy import org_context
from tests import factories
from tests.factories import NOW, PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(client: Client, email: str, password: str) -> str:
    return client.post("/sign-in/", {"email": email, "password": password}, follow=True).content.decode()


def code_of(device: TOTPDevice) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    return f"{totp.token():06d}"


def test_a_member_signs_in_and_lands_in_their_org(org: Org, admin: User, client: Client) -> None:
    """T-07"""
    assert org.name in sign_in(client, admin.email.upper(), PASSWORD)


def test_a_wrong_password_and_an_unknown_address_look_alike(org: Org, admin: User, client: Client) -> None:
    """T-19"""
    wrong = sign_in(client, admin.email, "wrong")
    unknown = sign_in(client, "nobody@example.com", "wrong")

    def plain(page: str) -> str:
        page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page)
        return page.replace(admin.email, "?").replace("nobody@example.com", "?")

    assert "E-mail or password is wrong." in wrong
    assert plain(wrong) == plain(unknown)


def test_guessing_is_paused_for_the_account_and_the_guessers_address(
    org: Org, admin: User, client: Client
) -> None:
    """T-19"""
    for _ in range(8):
        sign_in(client, admin.email, "wrong")
    assert "Too many tries" in sign_in(client, admin.email, PASSWORD)
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert "Too many tries" not in sign_in(elsewhere, admin.email, PASSWORD)


@pytest.mark.parametrize("password", ["password1234", "qwertyuiop12", "mira.marketer.12"])
def test_common_and_guessable_passwords_are_refused(password: str) -> None:
    """T-19"""
    with pytest.raises(ValidationError):
        GuessablePasswordValidator().validate(password, User(email="mira.marketer@example.com", name="Mira"))
    GuessablePasswordValidator().validate("correct horse battery staple", None)


def test_a_foreign_address_to_return_to_is_ignored(org: Org, admin: User, client: Client) -> None:
    answer = client.post(
        "/sign-in/", {"email": admin.email, "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert answer["Location"] == "/"


def test_two_factor_codes_are_asked_at_sign_in_and_recovery_codes_work_once(
    org: Org, admin: User, client: Client
) -> None:
    """T-20"""
    device = second_factor.begin(admin)
    codes = second_factor.confirm(admin, device, code_of(device))
    assert codes is not None and len(codes) == 10
    page = sign_in(client, admin.email, PASSWORD)
    assert "One more step" in page and "sign-out" not in page
    assert client.get(f"/o/{org.slug}/settings/").status_code == 302
    assert "does not fit" in client.post("/sign-in/code/", {"code": "000000"}).content.decode()
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        client.post("/sign-in/code/", {"code": codes[0]})
        assert client.get(f"/o/{org.slug}/settings/").status_code == 200
        again = Client()
        sign_in(again, admin.email, PASSWORD)
        assert "does not fit" in again.post("/sign-in/code/", {"code": codes[0]}).content.decode()


def test_an_org_can_require_codes_of_approvers(inside: Org, marketer: User, approver: User) -> None:
    """T-20"""
    factories.settings_of(inside, second_factor="approvers")
    assert second_factor.is_required(approver)
    assert not second_factor.is_required(marketer)
    factories.settings_of(inside, second_factor="everyone")
    assert second_factor.is_required(marketer)


def test_a_sensitive_action_asks_for_fresh_proof_after_15_minutes(
    org: Org, admin: User, client: Client
) -> None:
    """T-20"""
    with time_machine.travel(NOW, tick=False):
        sign_in(client, admin.email, PASSWORD)
        page = f"/o/{org.slug}/settings/keys/"
        assert client.post(page, {"name": "Till", "scopes": ["read"]}).status_code == 200
    with time_machine.travel(NOW + timedelta(minutes=16), tick=False):
        asked = client.post(page, {"name": "Till 2", "scopes": ["read"]}, headers={"referer": page})
        assert asked["Location"].startswith("/prove/?next=")
        assert client.post(asked["Location"], {"proof": "wrong"}).status_code == 200
        assert client.post(asked["Location"], {"proof": PASSWORD})["Location"] == page
        assert "eng_" in client.post(page, {"name": "Till 2", "scopes": ["read"]}).content.decode()


def invite(org: Org, admin: User, email: str) -> tuple[Invitation, str]:
    by = access_of(admin, org)
    assert by is not None
    invitation = invitations.invite(
        email, roles=[founding.ready_made(org, "marketer")], units=None, by=by, at=timezone.now()
    )
    notice = Notice.objects.for_org(org).get(recipients=[email.lower()], sent_at=None)
    notices.deliver(org.pk, notice.pk)
    body = str(mail.outbox[-1].body)
    token = body.split("/invitation/")[1].split("/", maxsplit=1)[0]
    return invitation, token


def test_an_invitation_makes_the_account_and_the_membership_once(
    org: Org, admin: User, client: Client
) -> None:
    """T-17"""
    with org_context(org.pk):
        _, token = invite(org, admin, "New.Person@Example.com")
    page = f"/invitation/{token}/"
    assert org.name in client.get(page).content.decode()
    refused = client.post(page, {"name": "New Person", "password": "short"})
    assert refused.status_code == 200 and "12 characters" in refused.content.decode()
    client.post(page, {"name": "New Person", "password": "orbit lantern mosaic tundra"}, follow=True)
    person = User.objects.by_email("new.person@example.com")
    assert person is not None
    with org_context(org.pk):
        assert access_of(person, org) is not None
    assert client.get(page).status_code == 410


def test_an_invitation_is_for_its_address_only(org: Org, admin: User) -> None:
    """T-17"""
    stranger = factories.user("Stranger")
    with org_context(org.pk):
        invitation, _ = invite(org, admin, "invited@example.com")
        with pytest.raises(InvitationDead, match="invited@example.com"):
            invitations.accept(invitation, stranger, at=timezone.now())
        assert not Member.objects.for_org(org).filter(user=stranger).exists()


def test_resending_kills_the_old_link_and_revoking_kills_it_for_good(inside: Org, admin: User) -> None:
    """T-17"""
    by = access_of(admin, inside)
    assert by is not None
    invitation, first = invite(inside, admin, "late@example.com")
    invitations.resend(invitation, by=by, at=timezone.now())
    with pytest.raises(InvitationDead):
        invitations.find(first, at=timezone.now())
    assert TokenOrg.objects.filter(kind="invitation").count() == 1
    invitations.revoke(invitation, by=by, at=timezone.now())
    assert not TokenOrg.objects.filter(kind="invitation").exists()


def test_an_invitation_lapses_after_7_days(inside: Org, admin: User) -> None:
    """T-17"""
    _, token = invite(inside, admin, "slow@example.com")
    invitations.find(token, at=timezone.now() + timedelta(days=6, hours=23))
    with pytest.raises(InvitationDead, match="expired"):
        invitations.find(token, at=timezone.now() + timedelta(days=7))


def test_signing_in_and_failing_to_are_kept(org: Org, admin: User, client: Client) -> None:
    """T-31"""
    sign_in(client, admin.email, "wrong")
    sign_in(client, admin.email, PASSWORD)
    with org_context(org.pk):
        actions = AuditEntry.objects.for_org(org).filter(actor_id=admin.pk).values_list("action", flat=True)
        assert set(actions) == {"signin.failed", "signin.succeeded"}
