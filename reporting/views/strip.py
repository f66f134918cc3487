"""Numbers that other pages put in place: the KPI strip, and the numbers of a list of campaigns."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from campaigns import progress, wording
from campaigns.models import Campaign
from engage.orgs.doors import OrgRequest, org_view
from reporting import effect, freshness, strip, tiles
from reporting.models import Period

MOST = 100


@org_view("report.view")
def kpi_strip(request: OrgRequest) -> HttpResponse:
    """The strip of a period (M-26): a fragment in place, a page of its own without scripts."""
    wanted = request.GET.get("period", Period.MONTH)
    period = Period(wanted) if wanted in Period.values else Period.MONTH
    now = timezone.now()
    figures = strip.read(request.access, period, at=now)
    simulated = strip.has_simulated(request.access, figures)
    context = {
        "fresh": freshness.of_strip(figures, at=now),
        "simulated": simulated,
        "tiles": tiles.strip_tiles(figures, request.settings, simulated=simulated),
        "periods": [{"label": p.value, "url": f"?period={p.value}", "current": p == period} for p in Period],
        "whole": request.access.whole_org,
    }
    return render(request, "reporting/_strip.html" if request.htmx else "reporting/strip.html", context)


@org_view("report.view")
def campaign_numbers(request: OrgRequest) -> HttpResponse:
    """Delivery rate, hit rate and so on of the campaigns named in `ids`, as cells that find their own place."""
    ids = [int(pk) for pk in request.GET.get("ids", "").split(",") if pk.isdigit()][:MOST]
    campaigns = list(Campaign.objects.for_org(request.org).visible_to(request.access).filter(pk__in=ids))
    effects = effect.of_campaigns(request.org, campaigns, at=timezone.now())
    counts = progress.of_campaigns(request.org.pk, [campaign.pk for campaign in campaigns])
    rows = []
    for campaign in campaigns:
        share = counts[campaign.pk].delivery_share
        rows.append(
            {
                "campaign": campaign,
                "effect": effects[campaign.pk],
                "share": share,
                "band": wording.band(share)[0],
            }
        )
    return render(request, "reporting/_campaign_numbers.html", {"rows": rows})
