"""The list of campaigns (C-50, C-51)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from campaigns import listing, unsaved
from campaigns.forms.campaign import CampaignFilter
from campaigns.listing import Listing, Tab
from engage.orgs import formatting
from engage.orgs.doors import OrgRequest, org_view

# What stands in the address; everything else there is dropped from it.
ADDRESS = (
    "tab",
    "q",
    "since",
    "until",
    "objective",
    "channel",
    "owner",
    "creator",
    "sort",
    "after",
    "before",
)


@org_view("campaign.view")
def campaign_list(request: OrgRequest) -> HttpResponse:
    """The list; for htmx only what lies under the filters, with its address tidied."""
    now = timezone.now()
    _tidy(request)
    form = CampaignFilter(request.GET, access=request.access, creators=listing.creators(request.access))
    form.is_valid()
    found = listing.read(
        request.access,
        request.settings,
        wanted=form.cleaned_data,
        asked=request.GET.dict(),
        today=request.settings.today(now),
    )
    context = {"filters": form, "listing": found, "tabs": _tabs(request, found), "token": unsaved.new_token()}
    context["as_of"] = (
        f"{formatting.instant(now, request.settings)}; counted anew whenever the list is opened"
    )
    context["ids"] = ",".join(str(row.campaign.pk) for row in found.rows)
    context["filtered"] = any(request.GET.get(name) for name in form.fields)
    if not request.htmx:
        return render(request, "campaigns/campaigns.html", context)
    answer = render(request, "campaigns/_campaigns.html", context)
    answer["HX-Push-Url"] = f"{request.path}?{request.GET.urlencode()}".rstrip("?")
    return answer


def _tidy(request: OrgRequest) -> None:
    kept = request.GET.copy()
    for name in list(kept):
        if name not in ADDRESS or not kept[name]:
            del kept[name]
    request.GET = kept  # type: ignore[assignment]  # the copy is as good, and every link of the page is made from it


def _tabs(request: OrgRequest, found: Listing) -> list[dict[str, Any]]:
    tabs = []
    for tab in Tab:
        address = request.GET.copy()
        for name in ("tab", "after", "before"):
            address.pop(name, None)
        if tab != Tab.ALL:
            address["tab"] = tab.value
        url = f"{request.path}?{address.urlencode()}".rstrip("?")
        tabs.append({"label": tab.label, "url": url, "count": found.counts[tab], "current": tab == found.tab})
    return tabs
