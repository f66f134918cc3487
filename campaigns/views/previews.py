"""A message as a customer sees it, and what becomes of everybody: read-only doors that several pages share."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin

from audiences.models import Customer
from campaigns import checklist, funnel, merge_sql, overlap, power, preview, schedule, versions
from campaigns.body import Body
from campaigns.compiling import audience_versions
from campaigns.estimating import Estimate, estimate
from campaigns.models import Message
from engage.orgs.doors import OrgRequest, org_view

FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
)


def visible_message(request: OrgRequest, pk: int) -> Message:
    """The message, if its campaign is in the member's scope; else it never existed (T-11)."""
    message = get_object_or_404(
        Message.objects.for_org(request.org).select_related("campaign", "sender", "created_by", "run"), pk=pk
    )
    if not request.access.covers(message.campaign.unit_id):
        raise Http404
    return message


def funnel_of(request: OrgRequest, message: Message) -> funnel.Funnel | None:
    """What a run would write now; None while it cannot be told."""
    body = preview.countable(message, request.settings)
    return funnel.preview(request.org, body, request.settings, at=timezone.now()) if body else None


def facts_of(request: OrgRequest, message: Message, steps: funnel.Funnel | None) -> checklist.Facts:
    """What the checklist judges, with everybody counted where they can be."""
    at = timezone.now()
    facts = checklist.Facts(message, message.campaign, request.settings, at)
    if steps is not None:
        facts.targeted = steps.targeted
        facts.content_errors = next((one.n for one in steps.skips if one.code == "content_error"), 0)
        facts.overlapping = overlap.titles(
            message, facts.body, request.settings, access=request.access, at=at
        )
    return facts


def smallest_lift(steps: funnel.Funnel | None, org_id: int) -> float | None:
    """What these two groups could show, in points (M-35)."""
    if steps is None:
        return None
    rate = power.usual_rate(org_id, at=steps.at)
    return power.smallest_lift(steps.to_send.n, steps.control.n, rate)


def estimate_of(
    request: OrgRequest, message: Message, body: Body, steps: funnel.Funnel | None
) -> Estimate | None:
    """How long a throttle makes it take (C-41); None while nobody can tell."""
    if steps is None:
        return None
    begins_at = schedule.begins_at(message, message.campaign, request.settings, at=timezone.now())
    return estimate(body, steps.to_send.n + steps.control.n, request.settings, at=begins_at)


@org_view("campaign.view")
def message_funnel(request: OrgRequest, pk: int) -> HttpResponse:
    """The funnel of A-37 as of now; the page also names a few customers of each line."""
    message = visible_message(request, pk)
    steps = funnel_of(request, message)
    context = {"message": message, "campaign": message.campaign, "funnel": steps}
    if request.htmx:
        return render(request, "campaigns/_funnel.html", context)
    if steps is not None and request.access.may("customer.view"):
        context["samples"] = _samples(request, steps)
    return render(request, "campaigns/message_funnel.html", context)


def _samples(request: OrgRequest, steps: funnel.Funnel) -> list[dict[str, Any]]:
    lines = [steps.excluded, steps.out_of_unit, *steps.skips, steps.control, steps.to_send]
    ids = {customer for line in lines for customer in line.sample}
    people = {one.id: one for one in Customer.objects.for_org(request.org).filter(id__in=ids)}
    return [
        {"line": line, "people": [people[pk] for pk in line.sample if pk in people]}
        for line in lines
        if line.sample
    ]


def beside(request: OrgRequest, message: Message) -> dict[str, Any]:
    """What stands beside the content: customers to step through, the tags, what to mend, the SMS counter."""
    body = versions.outline(message, message.campaign, request.settings)
    facts = checklist.Facts(message, message.campaign, request.settings, timezone.now())
    customers = preview.customers_of(message, body, request.settings)
    tags = merge_sql.catalogue(request.org, audience_versions(request.org, body, exclude=False))
    return {
        "message": message,
        "customers": customers,
        "tags": preview.grouped(tags),
        "content_lines": [line for line in checklist.judge(facts) if line.step == "content"],
        "removed": preview.removed(facts.compiled),
        "count": preview.segments(message, body, request.settings, facts.compiled, customers),
        "asked": request.GET.get("customer", ""),
        "shown_as": request.GET.get("as", ""),
    }


@org_view("campaign.view")
def preview_frame(request: OrgRequest, pk: int) -> HttpResponse:
    """What stands beside the content, to put in place after a change."""
    message = visible_message(request, pk)
    return render(request, "campaigns/_content_beside.html", beside(request, message))


@xframe_options_sameorigin
@org_view("campaign.view")
def message_preview(request: OrgRequest, pk: int) -> HttpResponse:
    """The message as a customer sees it, on its own address with its own policy (Q-27)."""
    message = visible_message(request, pk)
    body = versions.outline(message, message.campaign, request.settings)
    asked = request.GET.get("customer", "")
    shown = preview.of_body(message, body, request.settings, int(asked) if asked.isdecimal() else None)
    context = {"shown": shown, "look": request.GET.get("as", "")}
    response = render(request, "campaigns/preview.html", context)
    response["Content-Security-Policy"] = FRAME_POLICY
    return response
