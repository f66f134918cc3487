"""The demo's audiences: lists that were uploaded once, and filters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audiences.lists import count
from audiences.models import Audience, AudienceVersion, Customer, ListMember
from audiences.segments import tree
from audiences.segments.check import check
from audiences.segments.frame import Frame
from engage.local.demo.tenants import Tenant


def upload(tenant: Tenant, name: str, members: Sequence[str], at: datetime) -> Audience:
    """A list of customers by external id. Call inside the org's context; one of this name is used again."""
    found = Audience.objects.for_org(tenant.org).filter(name=name).first()
    if found is not None:
        return found
    ids = list(
        Customer.objects.for_org(tenant.org)
        .filter(external_id__in=list(members))
        .order_by("id")
        .values_list("id", flat=True)
    )
    digest = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()
    audience = _store(tenant, name, Audience.Kind.UPLOAD, at, digest=digest, size=len(ids), counted_at=at)
    ListMember.objects.bulk_create(
        ListMember(org=tenant.org, customer_id=pk, version_id=audience.current_id or 0) for pk in ids
    )
    return audience


def filtered(tenant: Tenant, name: str, blocks: Sequence[Mapping[str, Any]], at: datetime) -> Audience:
    """A filter over the whole org. Call inside the org's context; one of this name is used again."""
    found = Audience.objects.for_org(tenant.org).filter(name=name).first()
    if found is not None:
        return found
    frame = Frame(tenant.org, tenant.settings, at)
    read = tree.parse({"version": tree.VERSION, "base": {}, "blocks": list(blocks)}, frame)
    check(read, frame)
    stored = tree.dump(read)
    audience = _store(tenant, name, Audience.Kind.FILTER, at, tree=stored, digest=tree.digest(stored))
    if audience.current is not None:
        count(audience.current, tenant.settings, at=at)
    return audience


def _store(tenant: Tenant, name: str, kind: Audience.Kind, at: datetime, **version: Any) -> Audience:
    audience = Audience.objects.create(
        org=tenant.org, kind=kind, name=name, created_by=tenant.writer, created_at=at, updated_at=at
    )
    audience.current = AudienceVersion.objects.create(
        org=tenant.org, audience=audience, number=1, created_by=tenant.writer, created_at=at, **version
    )
    audience.save(update_fields=["current"])
    return audience
