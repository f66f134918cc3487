"""Stores, zones and products: read-only lists; they change by import."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from audiences.models import Product, Store, Zone
from engage.orgs.doors import OrgRequest, org_view

PAGE = 100
M = TypeVar("M", Store, Product)


def _page(request: OrgRequest, rows: QuerySet[M]) -> dict[str, Any]:
    """A page by code: found by the beginning of code or name, or only those listed as incomplete (A-15)."""
    text, stubs = request.GET.get("q", "").strip(), request.GET.get("show") == "incomplete"
    after = request.GET.get("after", "")
    if text:
        rows = rows.filter(Q(code__istartswith=text) | Q(name__icontains=text))
    incomplete = rows.filter(stub=True).count()
    if stubs:
        rows = rows.filter(stub=True)
    if after:
        rows = rows.filter(code__gt=after)
    shown = list(rows.order_by("code")[: PAGE + 1])
    return {
        "rows": shown[:PAGE],
        "after": shown[PAGE - 1].code if len(shown) > PAGE else "",
        "q": text,
        "stubs": stubs,
        "incomplete": incomplete,
    }


def _answer(request: OrgRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    template = f"audiences/_{name}.html" if request.htmx else f"audiences/{name}.html"
    return render(request, template, {**context, "current": name})


@org_view("customer.view")
def stores(request: OrgRequest) -> HttpResponse:
    rows = Store.objects.for_org(request.org).select_related("zone", "unit")
    return _answer(request, "stores", _page(request, rows))


@org_view("customer.view")
def products(request: OrgRequest) -> HttpResponse:
    rows = Product.objects.for_org(request.org).select_related("category")
    return _answer(request, "products", _page(request, rows))


@org_view("customer.view")
def zones(request: OrgRequest) -> HttpResponse:
    """The tree in order, each zone with those that hold it and its own stores."""
    found = list(Zone.objects.for_org(request.org).order_by("path"))
    names = {zone.code: zone.name for zone in found}
    counted = (
        Store.objects.for_org(request.org)
        .filter(zone__isnull=False)
        .values("zone_id")
        .annotate(n=Count("id"))
    )
    stores_in = {row["zone_id"]: row["n"] for row in counted}
    rows = [
        {
            "zone": zone,
            "above": " › ".join(names[code] for code in zone.path.strip(">").split(">")[:-1]),
            "stores": stores_in.get(zone.pk, 0),
        }
        for zone in found
    ]
    return _answer(request, "zones", {"rows": rows})
