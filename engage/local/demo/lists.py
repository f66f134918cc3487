"""The demo's audiences: lists as if they had been uploaded, and filters. Called inside the org's context."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audiences import lists
from audiences.models import Audience, Customer, ListMember
from audiences.segments import tree
from engage.local.demo.tenants import Tenant


def upload(tenant: Tenant, name: str, members: Sequence[str], at: datetime) -> Audience:
    """A list of customers by external id; one of this name is used again."""
    found = _known(tenant, name)
    if found is not None:
        return found
    customers = Customer.objects.for_org(tenant.org).filter(external_id__in=list(members))
    ids = list(customers.order_by("id").values_list("id", flat=True))
    digest = hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()
    audience = lists.new_upload(tenant.org, name=name, unit=None, by=tenant.writer, at=at)
    version = lists.add_version(audience, by=tenant.writer, at=at, digest=digest)
    ListMember.objects.bulk_create(
        ListMember(org=tenant.org, customer_id=pk, version_id=version.pk) for pk in ids
    )
    lists.count(version, tenant.settings, at=at)
    return audience


def filtered(tenant: Tenant, name: str, blocks: Sequence[Mapping[str, Any]], at: datetime) -> Audience:
    """A filter over the whole org; one of this name is used again."""
    found = _known(tenant, name)
    if found is not None:
        return found
    data = {"version": tree.VERSION, "base": {}, "blocks": list(blocks)}
    access = tenant.access(tenant.writer)
    audience = lists.create_filter(access, tenant.settings, name=name, unit=None, data=data, at=at)
    if audience.current is not None:
        lists.count(audience.current, tenant.settings, at=at)
    return audience


def _known(tenant: Tenant, name: str) -> Audience | None:
    found: Audience | None = Audience.objects.for_org(tenant.org).filter(name=name).first()
    return found
