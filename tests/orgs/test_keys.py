"""Keys for programs: shown once, bounded, rationed."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from engage.orgs import apikeys
from engage.orgs.access import Access, access_of
from engage.orgs.models import ApiKey, Org, User
from engage.orgs.rights import RIGHTS
from engage.orgs.tenancy import org_context
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_ration() -> None:
    cache.clear()


def make(org: Org, admin: User, *scopes: str) -> tuple[ApiKey, str, Access]:
    with org_context(org.pk):
        by = access_of(admin, org)
        assert by is not None
        key, secret = apikeys.make_key(name="Till", scopes=scopes, unit=None, by=by, at=NOW)
    return key, secret, by


def call(client: Client, secret: str) -> tuple[int, dict[str, object]]:
    answer = client.get("/api/v1/me", headers={"authorization": f"Bearer {secret}"})
    return answer.status_code, answer.json()


def test_a_key_is_kept_only_as_prefix_and_hash_and_says_when_it_was_used(
    org: Org, admin: User, client: Client
) -> None:
    """T-28"""
    with time_machine.travel(NOW, tick=False):
        key, secret, _ = make(org, admin, "read")
        assert call(client, secret) == (200, {"org": org.slug, "unit": None, "scopes": ["read"]})
    with org_context(org.pk):
        key = ApiKey.objects.for_org(org).get(pk=key.pk)
        assert key.last_used_at == NOW
        assert key.expires_at == NOW + timedelta(days=365)
        assert secret not in str(ApiKey.objects.for_org(org).values().get(pk=key.pk))


def test_a_revoked_an_expired_and_an_unknown_key_are_refused_at_once(
    org: Org, admin: User, client: Client
) -> None:
    """T-28"""
    key, secret, by = make(org, admin, "read")
    with time_machine.travel(NOW + timedelta(days=366), tick=False):
        assert call(client, secret)[1]["error"]["code"] == "key_expired"  # type: ignore[index]
    with time_machine.travel(NOW, tick=False), org_context(org.pk):
        apikeys.revoke_key(key, by=by, at=NOW)
    assert call(client, secret)[0] == 401
    assert call(client, "eng_nonsense")[0] == 401


def test_a_key_in_the_address_is_refused(org: Org, admin: User, client: Client) -> None:
    """T-28"""
    _, secret, _ = make(org, admin, "read")
    answer = client.get(f"/api/v1/me?key={secret}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "key_in_url"


def test_no_scope_of_a_key_reaches_approval_members_settings_or_credits() -> None:
    """T-29"""
    assert set(apikeys.SCOPES) == {"intake", "read", "write", "halt"}
    assert not set(apikeys.SCOPES) & {right for right, _ in RIGHTS}


def test_the_101st_request_of_a_minute_waits_and_every_answer_says_what_is_left(
    org: Org, admin: User, client: Client
) -> None:
    """T-30"""
    with time_machine.travel(NOW, tick=False):
        _, secret, _ = make(org, admin, "read")
        headers = {"authorization": f"Bearer {secret}"}
        first = client.get("/api/v1/me", headers=headers)
        assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == ("100", "99")
        for _ in range(99):
            client.get("/api/v1/me", headers=headers)
        refused = client.get("/api/v1/me", headers=headers)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 60
    assert set(refused.json()["error"]) == {"code", "message", "fields"}


def test_another_orgs_key_sees_its_own_org_only(
    org: Org, other_org: Org, admin: User, client: Client
) -> None:
    """T-28, Q-09"""
    stranger = factories.member(other_org, "admin")
    with time_machine.travel(NOW, tick=False):
        _, secret, _ = make(other_org, stranger, "read")
        assert call(client, secret)[1]["org"] == other_org.slug
