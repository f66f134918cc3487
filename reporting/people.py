"""The customers behind a campaign's number (M-36), a page at a time by customer number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q, QuerySet

from audiences.models import Customer
from campaigns.models import Campaign, Delivery, DeliveryEvent, Run
from conversions.models import CampaignCustomer

PAGE: Final = 50
TEST, CONTROL = Delivery.Arm.TEST, Delivery.Arm.CONTROL


@dataclass(frozen=True)
class Group:
    """Who is meant, in words, and the query that finds them by `customer_id`, perhaps several times."""

    title: str
    find: Callable[[Campaign], QuerySet[Any]]


@dataclass(frozen=True)
class Page:
    """`after` is the last customer's number, None on the last page."""

    customers: Sequence[Customer]
    after: int | None


def _where(**facts: Any) -> Callable[[Campaign], QuerySet[Any]]:
    def find(campaign: Campaign) -> QuerySet[Any]:
        people = CampaignCustomer.objects.for_org(campaign.org_id)
        return people.filter(Q(campaign_id=campaign.pk), **facts)

    return find


def _opted_out(campaign: Campaign) -> QuerySet[Any]:
    runs = Run.objects.for_org(campaign.org_id).filter(campaign=campaign).values("pk")
    events = DeliveryEvent.objects.for_org(campaign.org_id)
    return events.filter(run_id__in=runs, kind__in=["unsubscribed", "complained"])


def _not_delivered(campaign: Campaign) -> QuerySet[Any]:
    runs = Run.objects.for_org(campaign.org_id).filter(campaign=campaign).values("pk")
    rows = Delivery.objects.for_org(campaign.org_id)
    return rows.filter(run_id__in=runs, state=Delivery.State.SENT, outcome=Delivery.Outcome.NOT_DELIVERED)


GROUPS: Final = {
    "contacted": Group("Contacted customers", _where(arm=TEST, first_at__isnull=False)),
    "delivered": Group("Customers whom a message reached", _where(arm=TEST, delivered=True)),
    "not_delivered": Group("Customers whom a message did not reach", _not_delivered),
    "unsubscribed": Group("Customers who opted out", _opted_out),
    "responders": Group("Customers who bought", _where(arm=TEST, responses__gt=0)),
    "converted": Group("Converted customers", _where(arm=TEST, conversions__gt=0)),
    "held_out": Group("Held-out customers", _where(arm=CONTROL, first_at__isnull=False)),
    "control_responders": Group("Held-out customers who bought", _where(arm=CONTROL, responses__gt=0)),
    "sent_control": Group("Control customers really sent to", _where(arm=CONTROL, sent_control=True)),
}


def page(campaign: Campaign, group: Group, *, after: int = 0) -> Page:
    """The next customers by number; nobody is counted."""
    found = group.find(campaign).filter(customer_id__gt=after).order_by("customer_id")
    ids = list(found.values_list("customer_id", flat=True).distinct()[: PAGE + 1])
    known = Customer.objects.for_org(campaign.org_id).filter(id__in=ids[:PAGE])
    return Page(sorted(known, key=lambda one: one.id), ids[PAGE - 1] if len(ids) > PAGE else None)
