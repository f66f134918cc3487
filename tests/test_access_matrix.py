"""Every address × role × target: what it answers to whom. A URL that is missing here fails (security.md, 8).

The right of each address stands in this table as well as at its door, so that a change must be made twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from audiences.models import Customer, CustomerUnit
from campaigns.models import BrandContact, TestContact
from engage.orgs import founding
from engage.orgs.access import access_of
from engage.orgs.models import ApiKey, Invitation, Job, Member, Org, OrgUnit, Role, User
from engage.orgs.rights import ALL_RIGHTS, ORG_SCOPE, READY_MADE
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.factories import NOW

pytestmark = pytest.mark.django_db

# Addresses outside any org: who may open them is tested where they live.
OUTSIDE = {
    "ping", "home", "sign-in", "sign-in-code", "sign-out", "prove", "account", "change-password", "set-up-codes",
    "turn-off-codes", "invitation", "api-me", "kit", "provider-hook", "unsubscribe", "click", "open-pixel",
    "short-link", "certificate-wanted", "unsubscribe-undo", "kit-answer",
    "brand-logo", "brand-colours",
}  # fmt: skip

# Address → the right at its door (None: any member). `@kind` is whose row its `pk` names.
TABLE: dict[str, str | None] = {
    "org-home": None,
    "filling": None,
    "settings": "settings.view",
    "settings-general": "settings.general",
    "settings-brand": "settings.general",
    "settings-brand-reset": "settings.general",
    "settings-logo": "settings.general",
    "settings-logo-remove": "settings.general",
    "settings-landing": "settings.general",
    "settings-switches": "settings.general",
    "settings-keys": "settings.keys",
    "settings-key-revoke@key": "settings.keys",
    "settings-domain": "settings.general",
    "settings-test-contacts": "settings.general",
    "settings-test-contact-remove@test_contact": "settings.general",
    "settings-brand-contact-remove@brand_contact": "settings.general",
    "settings-goal": "settings.goal",
    "settings-goal-remove": "settings.goal",
    "members": "settings.members",
    "member-invite": "settings.members",
    "member@member": "settings.members",
    "member-status@member": "settings.members",
    "invitation-change@invitation": "settings.members",
    "roles": "settings.members",
    "role-new": "settings.members",
    "role@role": "settings.members",
    "units": "settings.view",
    "unit-new": "settings.general",
    "unit@unit": "settings.general",
    "audit": "audit.view",
    "audit-verify": "audit.view",
    "jobs": None,
    "job@job": None,
    "job-cancel@job": None,
    "job-file@job": None,
    "campaigns": "campaign.view",
    "campaign-new": "campaign.create",
    "campaign-new-draft": "campaign.create",
    "campaign@campaign": "campaign.view",
    "campaign-edit@campaign": "campaign.create",
    "campaign-draft@campaign": "campaign.create",
    "campaign-duplicate@campaign": "campaign.create",
    "campaign-archive@campaign": "campaign.create",
    "campaign-delete@campaign": "campaign.create",
    "goal-panel@campaign": "campaign.view",
    "goal-panel-new": "campaign.view",
    "goal-edit-new": "goal.edit",
    "goal-edit@campaign": "goal.edit",
    "goal-change@campaign": "goal.edit",
    "decide-all@campaign": "message.approve",
    "message-new@campaign": "message.create",
    "messages": "campaign.view",
    "message@message": "campaign.view",
    "message-move@message": "campaign.view",
    "message-duplicate@message": "message.create",
    "message-export@message": "report.export",
    "message-test@message": "message.test",
    "message-delete@message": "message.create",
    "message-submit@message": "message.submit",
    "message-funnel@message": "campaign.view",
    "message-preview@message": "campaign.view",
    "message-preview-frame@message": "campaign.view",
    "message-approval@message": "campaign.view",
    "message-approve@message": "message.approve",
    "message-reject@message": "message.approve",
    "message-step@message": "campaign.view",
    "approvals": "message.approve",
    "audiences": "audience.view",
    "audience-new": "audience.create",
    "audience@audience": "audience.view",
    "audience-edit@audience": "audience.create",
    "audience-duplicate@audience": "audience.create",
    "audience-use-anyway@audience": "audience.upload",
    "audience-count@audience": "audience.view",
    "audience-archive@audience": "audience.create",
    "audience-upload": "audience.upload",
    "audience-upload-sample": "audience.upload",
    "audience-upload-check": "audience.upload",
    "audience-upload-job@job": None,
    "audience-upload-more@audience": "audience.upload",
    "customers": "customer.view",
    "customer@customer": "customer.view",
    "customer-purchases@customer": "customer.view",
    "customer-deliveries@customer": "customer.view",
    "customer-reveal@customer": "customer.reveal",
    "customer-clear@customer": "customer.edit",
    "customer-consent@customer": "customer.edit",
    "imports": "customer.edit",
    "import-new": "customer.edit",
    "import-check": "customer.edit",
    "import-sample": "customer.edit",
    "stores": "customer.view",
    "zones": "customer.view",
    "products": "customer.view",
    "senders": "settings.view",
    "sender-new": "settings.senders",
    "sender-sandbox": "settings.senders",
    "sender@sender": "settings.senders",
    "sender-test@sender": "settings.senders",
    "sender-status@sender": "settings.senders",
    "sender-hook@sender": "settings.senders",
    "sender-dns@sender": "settings.senders",
    "outbox@sender": "customer.view",
    "outbox-message@sender": "customer.view",
    "outbox-html@sender": "customer.view",
    "reply-words": "settings.senders",
    "reply-words-remove": "settings.senders",
    "delivery": "ops.view",
    "delivery-running": "ops.view",
    "delivery-senders": "settings.view",
    "delivery-halt": "ops.control",
    "delivery-unconfirmed": "campaign.view",
    "delivery-release": "message.approve",
    "delivery-parked": "ops.view",
    "delivery-reason": "ops.view",
    "reports": "report.view",
    "kpi-strip": "report.view",
    "campaign-numbers": "report.view",
    "campaign-report@campaign": "report.view",
    "report-customers@campaign": "customer.view",
    "message-report@message": "report.view",
}


def _patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _patterns(entry)
        else:
            yield entry


PATTERNS = {str(entry.name): entry for entry in _patterns(get_resolver())}
CELLS = {name.partition("@")[0]: (name.partition("@")[2], right) for name, right in TABLE.items()}


def test_every_address_has_its_cell_and_its_right() -> None:
    """T-11, Q-09"""
    assert set(PATTERNS) - OUTSIDE == set(CELLS)
    wrong = {
        name: (getattr(PATTERNS[name].callback, "right", "no door"), right)
        for name, (_, right) in CELLS.items()
        if getattr(PATTERNS[name].callback, "right", "no door") != right
    }
    assert wrong == {}
    assert {right for _, right in CELLS.values() if right} <= ALL_RIGHTS


def _address(org: Org, name: str, pk: Any) -> str:
    names = set(re.findall(r"<\w+:(\w+)>", str(PATTERNS[name].pattern)))
    values = {
        "org": org.slug, "pk": pk, "step": "basics", "which": "errors", "kind": "customers", "token": "x",
        "message": "x", "state": "failed", "code": "no_answer", "who": "contacted",
    }  # fmt: skip
    return reverse(name, kwargs={key: values[key] for key in names})


@pytest.fixture
def world(org: Org, other_org: Org) -> dict[str, Any]:
    """People of every role, and a row of every kind in both orgs and in a sibling unit."""
    with org_context(org.pk):
        north, south = (founding.add_unit(org, name=c, code=c, by=None, at=NOW) for c in ("north", "south"))
    people = {key: factories.member(org, key) for key in READY_MADE}
    return {
        "org": org,
        "people": people,
        "northern": factories.member(org, "admin", units=[north]),
        "rows": _rows(org, people["admin"], None),
        "southern": _rows(org, people["admin"], south),
        "foreign": _rows(other_org, factories.member(other_org, "admin"), None),
    }


def _rows(org: Org, by: User, unit: OrgUnit | None) -> dict[str, Any]:
    at = timezone.now()
    with org_context(org.pk):
        access = access_of(by, org)
        assert access is not None
        campaign = made.campaign(org, by, at=at, unit=unit)
        message = made.message(campaign, by, at=at)
        role = Role.objects.create(org=org, name=f"Custom {unit}", rights=["campaign.view"])
        key = ApiKey.objects.create(
            org=org, name="K", prefix="eng_", token_hash=f"{org.pk}{unit}", scopes=[], created_by=by, created_at=at,
            expires_at=at,
        )  # fmt: skip
        invitation = Invitation.objects.create(
            org=org, email="i@example.com", role_ids=[role.pk], token_hash="x", invited_by=by, created_at=at,
            expires_at=at,
        )  # fmt: skip
        job = Job.objects.create(org=org, kind="test", title="Canary job", created_by=by, created_at=at)
        number = 1000 + org.pk * 10 + (unit.pk if unit else 0)
        customer = Customer.objects.create(
            org=org, id=number, external_id=f"X{number}", first_name="Canary", created_at=at, updated_at=at
        )
        if unit:
            CustomerUnit.objects.create(org=org, customer_id=number, unit_id=unit.pk)
        return {
            "customer": customer.id,
            "audience": made.audience(org, by, unit=unit).pk,
            "sender": made.sender(org, unit=unit).pk,
            "campaign": campaign.pk,
            "message": message.pk,
            "test_contact": TestContact.objects.create(
                org=org, name="Canary", channel="email", address=f"t{number}@x.example", created_at=at
            ).pk,
            "brand_contact": BrandContact.objects.create(
                org=org,
                name="Canary",
                channel="email",
                address="b@x.example",
                group=f"G{number}",
                created_at=at,
            ).pk,
            "role": role.pk,
            "key": key.pk,
            "invitation": invitation.pk,
            "job": job.pk,
            "unit": founding.add_unit(org, name="U", code=f"u{unit.pk if unit else 0}", by=None, at=NOW).pk,
            "member": Member.objects.for_org(org).get(user=by).pk,
        }


def ask(client: Client, name: str, address: str) -> Any:
    """A GET, or a POST where only that is taken."""
    answer = client.get(address)
    return client.post(address) if answer.status_code == 405 else answer


def prove_freshly(client: Client) -> None:
    """As if the person had just signed in, so that no address asks for proof first (T-20)."""
    session = client.session
    session["proved_at"] = timezone.now().timestamp()
    session.save()


# Beyond the door's right one of these is needed, as the page says.
ALSO = {"delivery-unconfirmed": {"ops.view", "message.approve"}, "message-export": {"audience.export"}}

# Of a unit's scope: rows that hang on a campaign; the others belong to the whole org.
IN_UNITS = {"campaign", "message", "customer", "sender", "audience"}


@pytest.mark.parametrize("role", sorted(READY_MADE))
def test_a_role_opens_what_its_rights_allow_and_is_told_what_is_missing(
    world: dict[str, Any], client: Client, role: str
) -> None:
    """T-11, T-13: 403 names the right, and only the right decides"""
    org, person = world["org"], world["people"][role]
    client.force_login(person)
    rights = READY_MADE[role][1]
    wrong = []
    for name, (kind, right) in CELLS.items():
        if kind == "job":
            continue  # one's own jobs; tested in tests/orgs/test_jobs.py
        answer = ask(client, name, _address(org, name, world["rows"].get(kind, 1)))
        allowed = (right is None or right in rights) and (name not in ALSO or bool(ALSO[name] & rights))
        if allowed is (answer.status_code == 403):
            wrong.append((name, right, answer.status_code))
        if answer.status_code == 403 and name not in ALSO and right not in answer.content.decode():
            wrong.append((name, right, "not named"))
        if answer.status_code >= 500:
            wrong.append((name, right, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("target", ["foreign", "southern", "never"])
def test_a_row_of_another_org_or_unit_answers_as_if_it_never_existed(
    world: dict[str, Any], client: Client, target: str
) -> None:
    """T-11, Q-09: the same answer, to the letter"""
    org = world["org"]
    client.force_login(world["northern"] if target == "southern" else world["people"]["admin"])
    prove_freshly(client)
    wrong = []
    for name, (kind, right) in CELLS.items():
        if not kind or (target == "southern" and (kind not in IN_UNITS or right in ORG_SCOPE)):
            continue
        pk = 987_654_321 if target == "never" else world[target][kind]
        never = ask(client, name, _address(org, name, 987_654_320))
        answer = ask(client, name, _address(org, name, pk))
        same = answer.content == never.content
        if answer.status_code != 404 or not same:
            wrong.append((name, answer.status_code, same))
    assert wrong == []


def test_somebody_who_is_not_signed_in_is_asked_to(org: Org, client: Client) -> None:
    """T-11"""
    for name in CELLS:
        answer = ask(client, name, _address(org, name, 1))
        assert answer.status_code == 302, name
        assert answer["Location"].startswith("/sign-in/"), name


def test_a_stranger_sees_no_page_of_the_org(world: dict[str, Any], client: Client) -> None:
    """Q-09"""
    client.force_login(factories.user("Stranger"))
    for name, (kind, _) in CELLS.items():
        answer = ask(client, name, _address(world["org"], name, world["rows"].get(kind, 1)))
        assert answer.status_code == 404, name
        assert "Canary" not in answer.content.decode(), name
