"""All messages of the scope (C-52)."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render

from campaigns import progress
from campaigns.models import Message
from campaigns.views.message import TONES
from engage.orgs.doors import OrgRequest, org_view

PAGE = 30
Status = Message.Status
TABS: dict[str, tuple[str, Q]] = {
    "": ("All", Q()),
    "drafts": ("Drafts", Q(status__in=[Status.DRAFT, Status.REJECTED])),
    "awaiting": ("Awaiting approval", Q(status=Status.AWAITING)),
    "upcoming": ("Upcoming", Q(status=Status.SCHEDULED)),
    "progress": (
        "In progress",
        Q(status__in=[Status.PREPARING, Status.SENDING, Status.PAUSED, Status.BLOCKED]),
    ),
    "sent": ("Sent", Q(status__in=[Status.COMPLETED, Status.STOPPED, Status.FAILED])),
}


@org_view("campaign.view")
def messages(request: OrgRequest) -> HttpResponse:
    visible = Message.objects.for_org(request.org)
    if not request.access.whole_org:
        visible = visible.filter(campaign__unit_id__in=request.access.unit_ids)
    asked = request.GET.get("q", "").strip()
    if asked:
        visible = visible.filter(Q(title__icontains=asked) | Q(campaign__name__icontains=asked))
    tab = request.GET.get("tab", "") if request.GET.get("tab", "") in TABS else ""
    counted = visible.aggregate(
        **{key or "all": Count("pk", filter=where) for key, (_, where) in TABS.items()}
    )
    rows = visible.filter(TABS[tab][1]).select_related("campaign", "run", "sender")
    before = request.GET.get("before", "")
    if before.isdigit():
        rows = rows.filter(pk__lt=int(before))
    listed = list(rows.order_by("-pk")[: PAGE + 1])
    counts = progress.of_messages(request.org.pk, [message.pk for message in listed[:PAGE]])
    context: dict[str, Any] = {
        "rows": [
            {"message": m, "counts": counts[m.pk], "tone": TONES[Status(m.status)]} for m in listed[:PAGE]
        ],
        "tabs": [
            {
                "label": label,
                "url": f"?tab={key}" + (f"&q={asked}" if asked else ""),
                "count": counted[key or "all"],
                "current": key == tab,
            }
            for key, (label, _) in TABS.items()
            if key != "progress" or counted[key]
        ],
        "q": asked,
        "next": listed[PAGE - 1].pk if len(listed) > PAGE else None,
    }
    return render(request, "campaigns/_messages.html" if request.htmx else "campaigns/messages.html", context)
