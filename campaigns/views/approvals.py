"""Approving and rejecting: the page that approvers read, and the moves that carry the hash it showed (C-27 to C-33)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from audiences.models import Audience
from campaigns import checklist, difference, editors, funnel, lifecycle, preview, versions
from campaigns.body import Body
from campaigns.forms.message import ReasonForm
from campaigns.lifecycle import Action, Changed, MoveRefused
from campaigns.models import Campaign, Message
from campaigns.views.wizard import visible_message
from channels.merge import ContentRefused
from engage.orgs.access import Access
from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.models import User


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
    waiting = (
        waiting_for(request.access).select_related("campaign", "created_by", "sender").order_by("status_at")
    )
    return render(request, "campaigns/approvals.html", {"waiting": waiting})


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
    facts = checklist.Facts(
        message, message.campaign, request.settings, at, steps.targeted if steps else None
    )
    offers = lifecycle.offers(message, message.campaign, request.settings, access=request.access, at=at)
    wrote = User.objects.filter(pk__in=editors.since_last_approval(message))
    context = {
        "message": message,
        "campaign": message.campaign,
        "version": version,
        "seen": versions.hash_of(body),
        "changed_since": versions.hash_of(body) != version.hash,
        "sections": difference.between(Body.parse(former.body) if former else None, body, names),
        "former": former,
        "funnel": steps,
        "lines": checklist.judge(facts),
        "writers": wrote,
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
    form = ReasonForm(request.POST if request.POST.get("do") == "reject" else None)
    if request.method == "POST":
        chosen = [message for message in waiting if f"seen-{message.pk}" in request.POST]
        if request.POST.get("do") == "reject" and form.is_valid():
            tried = lifecycle.reject_all(
                chosen, by=request.user, reason=form.cleaned_data["reason"], at=timezone.now()
            )
            return render(
                request,
                "campaigns/decided_all.html",
                {"campaign": campaign, "tried": tried, "word": "Rejected"},
            )
        if request.POST.get("do") == "approve":
            seen = {message.pk: request.POST[f"seen-{message.pk}"] for message in chosen}
            counts = {message.pk: n for message in chosen if (n := _targeted(request, message)) is not None}
            tried = lifecycle.approve_all(
                chosen, by=request.user, seen=seen, at=timezone.now(), targeted=counts
            )
            return render(
                request,
                "campaigns/decided_all.html",
                {"campaign": campaign, "tried": tried, "word": "Approved"},
            )
    rows = [
        {
            "message": message,
            "seen": versions.hash_of(versions.build(message, campaign, request.settings)),
            "targeted": _targeted(request, message),
        }
        for message in waiting
    ]
    return render(request, "campaigns/decide_all.html", {"campaign": campaign, "rows": rows, "form": form})
