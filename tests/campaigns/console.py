"""Campaigns as their pages address and store them."""

from __future__ import annotations

from campaigns.models import Campaign
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context


def address(org: Org, place: str = "") -> str:
    return f"/o/{org.slug}/campaigns/{place}"


def campaigns_of(org: Org) -> list[Campaign]:
    with org_context(org.pk):
        return list(Campaign.objects.for_org(org).order_by("pk"))
