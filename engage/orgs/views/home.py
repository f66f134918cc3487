"""Where a signed-in person lands, and the switch between their orgs (T-07)."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.menu import menu_for
from engage.orgs.models import Org, User


@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The only org, or the choice between several."""
    orgs = list(Org.objects.filter(seat__user=cast("User", request.user)).order_by("name"))
    if len(orgs) == 1:
        return redirect("org-home", org=orgs[0].slug)
    return render(request, "orgs/home.html", {"orgs": orgs})


@org_view()
def filling(request: OrgRequest) -> HttpResponse:
    """How far the org's first data are; the banner asks while they come."""
    return render(request, "orgs/_filling.html", {"asked": True})


@org_view()
def org_home(request: OrgRequest) -> HttpResponse:
    """The first page of the menu that the member may see."""
    places = [line for line in menu_for(request.access, request.path) if not line["makes"]]
    if places:
        return redirect(str(places[0]["url"]))
    return render(request, "orgs/nothing_to_do.html")
