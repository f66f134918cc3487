"""Keys for programs: made, revoked, believed and rationed here (T-28 to T-30)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final

from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from engage.orgs import audit
from engage.orgs.access import Access
from engage.orgs.models import ApiKey, Org, OrgUnit, TokenOrg
from engage.orgs.tenancy import org_context

SCOPES: Final = {
    "intake": "Customers, consent, stores, products, transactions, events",
    "read": "Reports and the delivery ledger",
    "write": "Drafts",
    "halt": "Pause and stop only",
}
VALID = timedelta(days=365)
PER_MINUTE = 100
_SEEN = timedelta(minutes=1)


@transaction.atomic
def make_key(
    *, name: str, scopes: Iterable[str], unit: OrgUnit | None, by: Access, at: datetime
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is shown once and kept nowhere."""
    secret = f"eng_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        org=by.org,
        name=name,
        unit=unit,
        prefix=secret[:10],
        token_hash=_hash(secret),
        scopes=sorted(set(scopes) & set(SCOPES)),
        created_by=by.user,
        created_at=at,
        expires_at=at + VALID,
    )
    TokenOrg.objects.create(kind=TokenOrg.Kind.API_KEY, token_hash=key.token_hash, org=by.org)
    audit.record(by.org, "key.created", by=by.user, at=at, target=key, after={"scopes": key.scopes})
    return key, secret


@transaction.atomic
def revoke_key(key: ApiKey, *, by: Access, at: datetime) -> None:
    """At once: the next request with it is refused."""
    key = ApiKey.objects.for_org(by.org).select_for_update().get(pk=key.pk)
    key.revoked_at = key.revoked_at or at
    key.save(update_fields=["revoked_at"])
    TokenOrg.objects.filter(kind=TokenOrg.Kind.API_KEY, token_hash=key.token_hash).delete()
    audit.record(by.org, "key.revoked", by=by.user, at=at, target=key)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class Caller:
    """A believed key. `unit_id` bounds what it sees, None is the whole org."""

    org: Org
    key_id: int
    unit_id: int | None
    scopes: frozenset[str]


class ApiRefused(Exception):
    """Answered in the one error shape: code, message, field errors (T-30)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: dict[str, str] | None = None,
        wait: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fields, self.wait = (
            status,
            code,
            message,
            fields or {},
            wait,
        )


def _bearer(request: HttpRequest) -> str:
    if any(name in request.GET for name in ("key", "api_key", "token", "access_token")):
        raise ApiRefused(400, "key_in_url", "Send the key in the Authorization header, never in the address.")
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise ApiRefused(401, "no_key", "Send `Authorization: Bearer <key>`.")
    return secret.strip()


def _believe(secret: str, at: datetime) -> tuple[int, str]:
    hashed = _hash(secret)
    look_up = TokenOrg.objects.filter(kind=TokenOrg.Kind.API_KEY, token_hash=hashed).first()
    if look_up is None:
        raise ApiRefused(401, "bad_key", "This key is not known, or it was revoked.")
    return look_up.org_id, hashed


def _ration(org_id: int, key_id: int, at: datetime) -> dict[str, str]:
    """Count this minute's requests of a key; the headers that say what is left. Raises 429 with a wait."""
    minute = int(at.timestamp() // 60)
    name = f"{org_id}:api:{key_id}:{minute}"
    cache.add(name, 0, 120)
    used = cache.incr(name)
    reset = 60 - int(at.timestamp()) % 60
    headers = {
        "X-RateLimit-Limit": str(PER_MINUTE),
        "X-RateLimit-Remaining": str(max(0, PER_MINUTE - used)),
        "X-RateLimit-Reset": str(reset),
    }
    if used > PER_MINUTE:
        raise ApiRefused(429, "too_many_requests", f"Wait {reset} seconds and try again.", wait=reset)
    return headers


ApiView = Callable[..., dict[str, Any]]


def api_view(scope: str | None) -> Callable[[ApiView], Callable[..., JsonResponse]]:
    """Wrap `view(request, caller, …) -> dict`: believes the key, rations it, opens the org's context, answers JSON."""

    def wrap(view: ApiView) -> Callable[..., JsonResponse]:
        @wraps(view)
        @csrf_exempt
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
            at = timezone.now()
            headers: dict[str, str] = {}
            try:
                org_id, hashed = _believe(_bearer(request), at)
                with ExitStack() as stack:
                    stack.enter_context(org_context(org_id))
                    caller = _caller(org_id, hashed, at)
                    headers = _ration(org_id, caller.key_id, at)
                    if scope is not None and scope not in caller.scopes:
                        raise ApiRefused(403, "scope_missing", f"This key lacks the scope “{scope}”.")
                    return JsonResponse(view(request, caller, *args, **kwargs), headers=headers)
            except ApiRefused as refused:
                error = {"code": refused.code, "message": refused.message, "fields": refused.fields}
                response = JsonResponse({"error": error}, status=refused.status, headers=headers)
                if refused.wait is not None:
                    response["Retry-After"] = str(refused.wait)
                return response

        door.scope = scope  # type: ignore[attr-defined]
        return door

    return wrap


def _caller(org_id: int, hashed: str, at: datetime) -> Caller:
    key = ApiKey.objects.for_org(org_id).select_related("org").get(token_hash=hashed)
    if key.revoked_at is not None:
        raise ApiRefused(401, "bad_key", "This key is not known, or it was revoked.")
    if key.expires_at <= at:
        raise ApiRefused(401, "key_expired", "This key has expired. Make a new one in Settings, API keys.")
    if key.last_used_at is None or at - key.last_used_at > _SEEN:
        ApiKey.objects.for_org(org_id).filter(pk=key.pk).update(last_used_at=at)
    return Caller(key.org, key.pk, key.unit_id, frozenset(key.scopes))
