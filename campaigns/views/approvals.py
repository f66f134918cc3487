"""Approving and rejecting: the page that approvers read, and the moves that carry the hash it showed (C-27 to C-33)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages as notes
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from audiences.models import Audience
from campaigns import checklist, difference, editors, funnel, lifecycle, preview, schedule, versions
from campaigns.body import Body
from campaigns.forms.message import ReasonForm
from campaigns.lifecycle import Action, Changed, MoveRefused
from campaigns.models import Campaign, Message, MessageEdit, MessageVersion
from campaigns.views.previews import estimate_of, facts_of, smallest_lift, visible_message
from channels.merge import ContentRefused
from engage.orgs.access import Access
from engage.orgs.doors import OrgRequest, org_view


def waiting_for(access: Access) -> Any:
    """Messages Awaiting approval in the member's scope."""
    waiting = Message.objects.for_org(access.org).filter(status=Message.Status.AWAITING)
    if access.whole_org:
        return waiting
    return waiting.filter(campaign__unit_id__in=access.unit_ids)


def waiting_count(access: Access) -> int:
    return int(waiting_for(access).count())


@org_view("message.approve")
def approvals(request: OrgRequest) -> HttpResponse:
    """What waits, oldest first, with what a reader needs to choose where to begin."""
    at = timezone.now()
    waiting = MessageVersion.objects.for_org(request.org).filter(
        message__in=waiting_for(request.access), decision=MessageVersion.Decision.WAITING
    )
    wrote = MessageEdit.objects.for_org(request.org).filter(user=request.user, approved_in=None)
    mine = set(wrote.values_list("message_id", flat=True)) if not request.settings.self_approval else set()
    grace = timedelta(minutes=request.settings.missed_grace_minutes)
    rows = []
    for version in waiting.select_related("message__campaign", "submitted_by").order_by("submitted_at"):
        planned = schedule.planned_at(version.message)
        rows.append(
            {
                "message": version.message,
                "targeted": version.targeted,
                "submitted_by": version.submitted_by,
                "planned": planned,
                "late": planned is not None and planned + grace < at,
                "mine": version.message_id in mine,
            }
        )
    return render(request, "campaigns/approvals.html", {"rows": rows})


@org_view("campaign.view")
def approval(request: OrgRequest, pk: int) -> HttpResponse:
    """What would be sent, with what changed since it was last approved, and the hash that an approval must carry."""
    message = visible_message(request, pk)
    if message.status != Message.Status.AWAITING:
        return redirect("message", org=request.org.slug, pk=pk)
    return _page(request, message, ReasonForm())


def _page(
    request: OrgRequest, message: Message, form: ReasonForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    at = timezone.now()
    version = versions.waiting(message)
    try:
        body = versions.build(message, message.campaign, request.settings)
    except ContentRefused:
        body = Body.parse(version.body)
    former = versions.reference(message, before=version)
    names = dict(
        Audience.objects.for_org(request.org)
        .filter(pk__in=[audience.audience for audience in body.audiences])
        .values_list("pk", "name")
    )
    steps = funnel.preview(request.org, body, request.settings, at=at) if body.sender.id else None
    offers = lifecycle.offers(message, message.campaign, request.settings, access=request.access, at=at)
    context = {
        "message": message,
        "campaign": message.campaign,
        "version": version,
        "seen": versions.hash_of(body),
        "changed_since": versions.hash_of(body) != version.hash,
        "sections": difference.between(Body.parse(former.body) if former else None, body, names),
        "former": former,
        "funnel": steps,
        "smallest_lift": smallest_lift(steps, message.org_id),
        "estimate": estimate_of(request, message, body, steps),
        "lines": checklist.judge(facts_of(request, message, steps)),
        "writers": editors.names(message),
        "planned": schedule.planned_at(message),
        "audience_rows": message.audiences.for_org(message.org_id).select_related("audience", "held"),
        "may_approve": Action.APPROVE in offers,
        "refused": offers.get(Action.APPROVE, ""),
        "form": form,
        "customers": preview.customers_of(message, body, request.settings),
    }
    return render(request, "campaigns/approval.html", context | more, status=status)


@require_POST
@org_view("message.approve", fresh=True)
def approve(request: OrgRequest, pk: int) -> HttpResponse:
    message = visible_message(request, pk)
    at = timezone.now()
    try:
        approved = lifecycle.approve(
            message,
            by=request.user,
            seen=request.POST.get("seen", ""),
            at=at,
            targeted=_targeted(request, message),
        )
    except Changed as changed:
        if message.status == Message.Status.AWAITING:
            return _page(request, message, ReasonForm(), status=409, changed=changed)
        notes.error(request, str(changed))
    except MoveRefused as refused:
        notes.error(request, str(refused))
    else:
        notes.success(
            request,
            "Approved."
            if not approved.hold_until
            else "Approved. It starts in 60 seconds; until then you can undo it.",
        )
    return redirect("message", org=request.org.slug, pk=pk)


def _targeted(request: OrgRequest, message: Message) -> int | None:
    """The count at this moment, which the start guard compares with (C-39)."""
    if message.status != Message.Status.AWAITING:
        return None
    try:
        body = versions.build(message, message.campaign, request.settings)
    except ContentRefused:
        return None
    return (
        funnel.preview(request.org, body, request.settings, at=timezone.now()).targeted
        if body.sender.id
        else None
    )


@require_POST
@org_view("message.approve")
def reject(request: OrgRequest, pk: int) -> HttpResponse:
    message = visible_message(request, pk)
    form = ReasonForm(request.POST)
    if not form.is_valid() and message.status == Message.Status.AWAITING:
        return _page(request, message, form, status=422)
    try:
        lifecycle.reject(message, by=request.user, reason=request.POST.get("reason", ""), at=timezone.now())
    except MoveRefused as refused:
        notes.error(request, str(refused))
    else:
        notes.success(request, "Rejected. The author has your reason.")
    return redirect("message", org=request.org.slug, pk=pk)


@org_view("message.approve", fresh=True)
def decide_all(request: OrgRequest, pk: int) -> HttpResponse:
    """Approve or reject every waiting message of a campaign, each with the hash that was shown (C-33)."""
    campaign = get_object_or_404(Campaign.objects.for_org(request.org).visible_to(request.access), pk=pk)
    waiting = list(
        Message.objects.for_org(request.org)
        .filter(campaign=campaign, status=Message.Status.AWAITING)
        .select_related("campaign", "sender")
    )
    deed = request.POST.get("do", "")
    form = ReasonForm(request.POST if deed == "reject" else None)
    chosen = [message for message in waiting if f"seen-{message.pk}" in request.POST]
    if deed == "approve":
        return _decided(request, campaign, gettext("Approved"), _approve_all(request, chosen))
    if deed == "reject" and form.is_valid():
        reason = form.cleaned_data["reason"]
        tried = lifecycle.reject_all(chosen, by=request.user, reason=reason, at=timezone.now())
        return _decided(request, campaign, gettext("Rejected"), tried)
    context = {"campaign": campaign, "rows": [_row(request, message) for message in waiting], "form": form}
    return render(request, "campaigns/decide_all.html", context, status=422 if form.errors else 200)


def _row(request: OrgRequest, message: Message) -> dict[str, Any]:
    """A waiting message as it would be approved now. What no longer compiles keeps the hash that was submitted."""
    at = timezone.now()
    try:
        seen = versions.hash_of(versions.build(message, message.campaign, request.settings))
    except ContentRefused:
        seen = versions.waiting(message).hash
    offers = lifecycle.offers(message, message.campaign, request.settings, access=request.access, at=at)
    return {
        "message": message,
        "seen": seen,
        "targeted": _targeted(request, message),
        "refused": offers.get(Action.APPROVE, ""),
    }


def _approve_all(request: OrgRequest, chosen: list[Message]) -> lifecycle.Tried:
    seen = {message.pk: request.POST[f"seen-{message.pk}"] for message in chosen}
    counts = {message.pk: n for message in chosen if (n := _targeted(request, message)) is not None}
    return lifecycle.approve_all(chosen, by=request.user, seen=seen, at=timezone.now(), targeted=counts)


def _decided(request: OrgRequest, campaign: Campaign, word: str, tried: lifecycle.Tried) -> HttpResponse:
    context = {"campaign": campaign, "tried": tried, "word": word}
    return render(request, "campaigns/decided_all.html", context)
