"""A campaign's page, and what is done to a campaign as a whole (C-08, C-09, C-54)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns import frame, lifecycle, objectives, overview, unsaved, wording
from campaigns.models import Campaign, Message
from engage.orgs import audit
from engage.orgs.doors import OrgRequest, org_view

HISTORY = 20


def campaign_of(request: OrgRequest, pk: int) -> Campaign:
    """The campaign, if it is in the member's scope; 404 as if it never existed otherwise (T-11)."""
    found = Campaign.objects.for_org(request.org).visible_to(request.access)
    return get_object_or_404(found.select_related("unit", "created_by"), pk=pk)


@org_view("campaign.view")
def page(request: OrgRequest, *, pk: int) -> HttpResponse:
    now = timezone.now()
    campaign = campaign_of(request, pk)
    campaign.org = request.org
    today = request.settings.today(now)
    status = campaign.status(today)
    lines = overview.lines(campaign, request.settings, at=now)
    context = {
        "campaign": campaign,
        "status": status,
        "look": wording.ARCHIVED if campaign.archived_at else wording.CAMPAIGN_LOOKS[status],
        "note": wording.campaign_note(campaign, today),
        "lapsed": status == Campaign.Status.LAPSED,
        "values": objectives.named(request.org, campaign.objective_values),
        "control": campaign.control_permille / 10,
        "lines": lines,
        "awaiting": sum(line.message.status == Message.Status.AWAITING for line in lines),
        "why_not_deletable": frame.why_not_deletable(campaign),
        "history": audit.history(campaign, request.org).order_by("-seq")[:HISTORY],
        "token": unsaved.new_token(),
    }
    return render(request, "campaigns/campaign.html", context)


@require_POST
@org_view("campaign.create")
def duplicate(request: OrgRequest, *, pk: int) -> HttpResponse:
    """A copy, opened in its form; a second press opens the same one."""
    now, campaign = timezone.now(), campaign_of(request, pk)
    claim, first = unsaved.once(
        request.access, f"copy:{pk}:{request.POST.get('token') or unsaved.new_token()}", at=now
    )
    if first:
        try:
            copy = frame.duplicate(campaign, access=request.access, settings=request.settings, at=now)
        except (frame.CampaignRefused, lifecycle.MoveRefused) as refused:
            claim.delete()
            messages.error(request, str(refused))
            return redirect("campaign", org=request.org.slug, pk=pk)
        claim.fields = {"campaign": copy.pk}
        claim.save(update_fields=["fields"])
        messages.success(request, f"“{copy}” is the copy. Check its dates; nothing in it is approved.")
    return redirect("campaign-edit", org=request.org.slug, pk=claim.fields["campaign"])


@require_POST
@org_view("campaign.create")
def archive(request: OrgRequest, *, pk: int) -> HttpResponse:
    """Put away, or with `do=restore` taken out again."""
    campaign, now = campaign_of(request, pk), timezone.now()
    try:
        if request.POST.get("do") == "restore":
            frame.restore(campaign, access=request.access, at=now)
            messages.success(request, f"“{campaign}” is back in the list.")
        else:
            frame.archive(campaign, access=request.access, settings=request.settings, at=now)
            messages.success(request, f"“{campaign}” is archived. Its reports stay.")
    except frame.CampaignRefused as refused:
        messages.error(request, str(refused))
    return redirect("campaign", org=request.org.slug, pk=pk)


@org_view("campaign.create")
def delete(request: OrgRequest, *, pk: int) -> HttpResponse:
    """Asks, and deletes what nobody has approved a message of (C-08)."""
    campaign = campaign_of(request, pk)
    refusal = frame.why_not_deletable(campaign)
    if request.method == "POST":
        try:
            frame.delete(campaign, access=request.access, at=timezone.now())
        except (frame.CampaignRefused, lifecycle.MoveRefused) as refused:
            refusal = str(refused)
        else:
            messages.success(request, f"“{campaign}” is deleted.")
            return redirect("campaigns", org=request.org.slug)
    count = Message.objects.for_org(request.org).filter(campaign=campaign).count()
    context = {"campaign": campaign, "refusal": refusal, "count": count}
    status = 409 if request.method == "POST" else 200
    return render(request, "campaigns/campaign_delete.html", context, status=status)
