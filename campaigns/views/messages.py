"""All messages of the scope (C-52)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.db.models import BigIntegerField, Count, DateTimeField, F, Q
from django.http import HttpResponse
from django.shortcuts import render

from audiences.models import Channel
from campaigns import needs, paging, progress, schedule, wording
from campaigns.models import Message
from campaigns.paging import Column
from campaigns.progress import Progress
from engage.orgs.doors import OrgRequest, org_view

Status = Message.Status
TABS: Final[dict[str, tuple[str, Q]]] = {
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
COLUMNS: Final = {
    "updated": Column(F("updated_at"), DateTimeField()),
    "made": Column(F("pk"), BigIntegerField()),
}
NEWEST: Final = "-updated"


@org_view("campaign.view")
def messages(request: OrgRequest) -> HttpResponse:
    given = request.GET
    visible = needs.visible(request.access)
    asked, channel = given.get("q", "").strip(), given.get("channel", "")
    if asked:
        visible = visible.filter(Q(title__icontains=asked) | Q(campaign__name__icontains=asked))
    if channel in Channel.values:
        visible = visible.filter(channel=channel)
    tab = given.get("tab", "") if given.get("tab", "") in TABS else ""
    sort = given.get("sort", "") if given.get("sort", "").removeprefix("-") in COLUMNS else NEWEST
    counted = visible.aggregate(
        **{key or "all": Count("pk", filter=where) for key, (_, where) in TABS.items()}
    )
    found = paging.page(
        visible.filter(TABS[tab][1]).select_related("campaign", "run"),
        COLUMNS[sort.removeprefix("-")],
        descending=sort.startswith("-"),
        after=given.get("after", ""),
        before=given.get("before", ""),
    )
    context: dict[str, Any] = {
        "rows": _rows(request, found.rows),
        "tabs": [
            {"label": label, "url": _tab(request, key), "count": counted[key or "all"], "current": key == tab}
            for key, (label, _) in TABS.items()
            if key != "progress" or counted[key] or tab == key
        ],
        "q": asked,
        "channel": channel,
        "channels": Channel.choices,
        "sort": sort,
        "page": found,
        "filtered": bool(asked or channel or tab),
    }
    return render(request, "campaigns/_messages.html" if request.htmx else "campaigns/messages.html", context)


def _tab(request: OrgRequest, key: str) -> str:
    """The page's address with another tab, from its first row."""
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    query["tab"] = key
    return f"?{query.urlencode()}"


def _rows(request: OrgRequest, found: list[Message]) -> list[dict[str, Any]]:
    counts = progress.of_messages(request.org.pk, [message.pk for message in found])
    return [
        {
            "message": message,
            "counts": counts[message.pk],
            "look": wording.LOOKS[message.status],
            "label": wording.label(message, counts[message.pk]),
            "channel": wording.CHANNELS[message.channel],
            "next_at": message.due_at if message.status == Status.SCHEDULED else schedule.planned_at(message),
            "rate": _rate(counts[message.pk]),
            "band": wording.band(counts[message.pk].delivery_share),
        }
        for message in found
    ]


def _rate(counts: Progress) -> Decimal | None:
    """In percent."""
    share = counts.delivery_share
    return None if share is None else 100 * share
