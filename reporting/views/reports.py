"""Reports of campaigns and messages (M-25, M-36)."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from campaigns import progress
from campaigns.models import Campaign, Message, Run
from campaigns.progress import Progress
from campaigns.receipts import optouts
from engage.orgs import charts, formatting
from engage.orgs.charts import Estimate, Series
from engage.orgs.doors import OrgRequest, org_view
from reporting import breakdowns, effect, freshness, people, tiles
from reporting.effect import Effect

PAGE = 25
# Of the test rows: with more of them lost, the groups no longer compare (M-34).
MOST_LOST = 0.02


@org_view("report.view")
def reports(request: OrgRequest) -> HttpResponse:
    """Campaigns with what they changed, the newest first; `before` is the last id seen."""
    campaigns = Campaign.objects.for_org(request.org).visible_to(request.access).order_by("-start_on", "-pk")
    asked, now = request.GET.get("q", "").strip(), timezone.now()
    if asked:
        campaigns = campaigns.filter(name__icontains=asked)
    page = int(request.GET["page"]) if request.GET.get("page", "").isdigit() else 0
    listed = list(campaigns[page * PAGE : page * PAGE + PAGE + 1])
    effects = effect.of_campaigns(request.org, listed[:PAGE], at=now)
    counts = progress.of_campaigns(request.org.pk, [campaign.pk for campaign in listed[:PAGE]])
    rows = [
        {
            "campaign": campaign,
            "effect": effects[campaign.pk],
            "counts": counts[campaign.pk],
            "share": counts[campaign.pk].delivery_share,
            "incremental": tiles.incremental(effects[campaign.pk], request.settings),
        }
        for campaign in listed[:PAGE]
    ]
    context = {
        "rows": rows,
        "q": asked,
        "page": page,
        "next": page + 1 if len(listed) > PAGE else None,
        "fresh": freshness.of_sales(request.org, at=now),
    }
    return render(request, "reporting/_reports.html" if request.htmx else "reporting/reports.html", context)


@org_view("report.view")
def campaign_report(request: OrgRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.for_org(request.org).visible_to(request.access), pk=pk)
    now = timezone.now()
    found = effect.of_campaign(request.org, campaign, at=now)
    runs = list(Run.objects.for_org(request.org).filter(campaign=campaign).select_related("message"))
    by_run = progress.of_runs(request.org.pk, [run.pk for run in runs])
    counts = sum(by_run.values(), Progress())
    report = breakdowns.of_campaign(request.org, campaign, found, request.settings)
    context = {
        "campaign": campaign,
        "effect": found,
        "counts": counts,
        "report": report,
        "simulated": campaign.simulated or any(run.simulated for run in runs),
        "fresh": freshness.of_sales(request.org, at=now),
        "summary": tiles.summary_tiles(
            found, counts, optouts.count(request.org.pk, by_run), request.settings
        ),
        "against": tiles.effect_tiles(found, request.settings),
        "goal": tiles.goal_tiles(found, request.settings),
        "funnels": breakdowns.funnels(runs, by_run),
        "lift_chart": _lift_chart(found),
        "days_chart": _days_chart(report, request),
        "warnings": _warnings(found, breakdowns.lost_of_test(request.org, by_run)),
    }
    return render(request, "reporting/campaign_report.html", context)


@org_view("report.view")
def message_report(request: OrgRequest, pk: int) -> HttpResponse:
    message = get_object_or_404(Message.objects.for_org(request.org).select_related("campaign"), pk=pk)
    get_object_or_404(
        Campaign.objects.for_org(request.org).visible_to(request.access), pk=message.campaign_id
    )
    runs = list(Run.objects.for_org(request.org).filter(message=message))
    by_run = progress.of_runs(request.org.pk, [run.pk for run in runs])
    counts = sum(by_run.values(), Progress())
    context = {
        "message": message,
        "campaign": message.campaign,
        "counts": counts,
        "runs": [(run, by_run[run.pk]) for run in runs],
        "simulated": any(run.simulated for run in runs),
        "fresh": freshness.live(at=timezone.now()),
        "unsubscribed": optouts.count(request.org.pk, by_run),
        "open_rate": counts.opened / counts.delivered if counts.delivered else None,
        "click_rate": counts.clicked / counts.delivered if counts.delivered else None,
        "funnels": breakdowns.funnels(runs, by_run),
        "reasons": breakdowns.reasons_of(counts),
        "checks": breakdowns.checks(counts, runs, None),
    }
    return render(request, "reporting/message_report.html", context)


def _lift_chart(found: Effect) -> charts.Chart | None:
    lift = found.lift
    if lift is None:
        return None
    estimate = Estimate("Lift", 100 * lift.low, 100 * lift.value, 100 * lift.high, "95 % interval")
    return charts.intervals([estimate], title="Lift in points, with its 95 % interval")


def _days_chart(report: breakdowns.Report, request: OrgRequest) -> charts.Chart | None:
    if not report.days:
        return None
    labels = [part.label for part in report.days]
    return charts.bars(
        labels,
        [
            Series("Delivered", "brand", [part.counts.delivered for part in report.days]),
            Series("Not delivered or failed", "bad",
                   [part.counts.not_delivered + part.counts.failed for part in report.days]),
        ],
        title="Messages by day of the run",
        style=request.settings,
    )  # fmt: skip


@org_view("customer.view")
def customers(request: OrgRequest, pk: int, who: str) -> HttpResponse:
    """The customers behind a number of a campaign's report (M-36)."""
    campaign = get_object_or_404(Campaign.objects.for_org(request.org).visible_to(request.access), pk=pk)
    request.access.require("report.view")
    group = people.GROUPS.get(who)
    if group is None:
        raise Http404
    after = request.GET.get("after", "")
    context = {
        "campaign": campaign,
        "group": group,
        "page": people.page(campaign, group, after=int(after) if after.isdigit() else 0),
        "fresh": freshness.of_sales(request.org, at=timezone.now()),
    }
    return render(request, "reporting/customers.html", context)


def _warnings(found: Effect, lost: breakdowns.Lost) -> list[str]:
    """What makes the comparison doubtful (M-24, M-33, M-34)."""
    said = []
    if found.contaminated:
        said.append(
            "Control contaminated: a message was really sent to control customers. They are left out of the comparison."
        )
    for name, check in found.share_checks().items():
        if check is not None and not check.fits:
            said.append(
                f"Groups do not match ({name} customers, p = {check.p:.4f}): do not trust the lift. Likely causes: a "
                "list that changed while sending, exclusions by hand, failures in one group only."
            )
    if lost.share is not None and lost.share > MOST_LOST:
        share = formatting.percent(100 * lost.share)
        said.append(f"Test lost customers whom control kept: {share} of its rows are Failed or Unconfirmed.")
    return said
