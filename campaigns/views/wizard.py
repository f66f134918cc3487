"""Writing a message, a step at a time: saved field by field, never over someone's newer version."""

from __future__ import annotations

from typing import Any

from django.contrib import messages as notes
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST

from campaigns import (
    checklist,
    drafting,
    funnel,
    lifecycle,
    merge_sql,
    preview,
    schedule,
    sender_choice,
    versions,
)
from campaigns.compiling import audience_versions
from campaigns.forms.message import STEPS, NewMessageForm, StepForm, form_class
from campaigns.lifecycle import MoveRefused
from campaigns.models import Campaign, Message
from channels.merge import ContentRefused
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


@org_view("message.create")
def new(request: OrgRequest, pk: int) -> HttpResponse:
    """The first save; from here on every field saves itself."""
    campaign = get_object_or_404(Campaign.objects.for_org(request.org).visible_to(request.access), pk=pk)
    form = NewMessageForm(request.POST or None, campaign_id=campaign.pk, org_id=request.org.pk)
    if request.method == "POST" and form.is_valid():
        channel = form.cleaned_data["channel"]
        try:
            message = lifecycle.create(
                campaign,
                title=form.cleaned_data["title"],
                by=request.user,
                at=timezone.now(),
                channel=channel,
                sender=next(iter(sender_choice.offered(campaign, channel)), None),
            )
        except MoveRefused as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("message-step", org=request.org.slug, pk=message.pk, step="audience")
    return render(request, "campaigns/message_new.html", {"campaign": campaign, "form": form})


@org_view("campaign.view")
def step(request: OrgRequest, pk: int, step: str) -> HttpResponse:
    message = visible_message(request, pk)
    if step not in STEPS:
        raise Http404
    if message.status != Message.Status.DRAFT or not request.access.may("message.create"):
        return render(request, "campaigns/wizard_closed.html", _frame(request, message, step))
    kind = form_class(step, message)
    form = kind(request.POST or None, message=message, access=request.access, settings=request.settings)
    if request.method != "POST":
        return _page(request, message, step, form)
    request.access.require("message.create")
    if not form.is_valid():
        if request.htmx:
            return render(request, "campaigns/_wizard_saved.html", {"form": form, "problem": True})
        return _page(request, message, step, form, status=422)
    return _save(request, message, step, form)


def _save(request: OrgRequest, message: Message, step: str, form: StepForm) -> HttpResponse:
    try:
        saved = drafting.save(
            message,
            step,
            form.changes(),
            access=request.access,
            settings=request.settings,
            at=timezone.now(),
            revision=form.cleaned_data["revision"],
        )
    except drafting.Stale as stale:
        theirs = type(form)(message=stale.newest, access=request.access, settings=request.settings)
        context = {"form": form, "stale": str(stale), "theirs": theirs}
        if request.htmx:
            return render(request, "campaigns/_wizard_saved.html", context | {"problem": True}, status=409)
        return _page(request, stale.newest, step, form, status=409, stale=str(stale), theirs=theirs)
    except MoveRefused as refused:
        form.add_error(None, str(refused))
        if request.htmx:
            return render(request, "campaigns/_wizard_saved.html", {"form": form, "problem": True})
        return _page(request, message, step, form, status=409)
    if request.htmx:
        facts = {"message": saved, "step": step, "form": form, "saved_at": saved.updated_at}
        return render(request, "campaigns/_wizard_saved.html", facts)
    keys = list(STEPS)
    following = keys[min(keys.index(step) + 1, len(keys) - 1)]
    return redirect("message-step", org=request.org.slug, pk=message.pk, step=following)


def _page(
    request: OrgRequest, message: Message, step: str, form: StepForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = _frame(request, message, step) | {"form": form} | more
    if step == "content":
        body = versions.outline(message, message.campaign, request.settings)
        context["tags"] = merge_sql.catalogue(
            request.org, audience_versions(request.org, body, exclude=False)
        ).values()
        context["customers"] = preview.customers_of(message, body, request.settings)
    if step == "review":
        body = versions.outline(message, message.campaign, request.settings)
        context["customers"] = preview.customers_of(message, body, request.settings)
        context |= _review(request, message)
    return render(request, f"campaigns/wizard_{step}.html", context, status=status)


def _frame(request: OrgRequest, message: Message, step: str) -> dict[str, Any]:
    """The stepper, with each step's completeness from the checklist."""
    facts = checklist.Facts(message, message.campaign, request.settings, timezone.now())
    lines = checklist.judge(facts)
    blocked = {line.step for line in lines if line.blocks}
    return {
        "message": message,
        "campaign": message.campaign,
        "step": step,
        "steps": [
            {
                "label": label,
                "url": reverse(
                    "message-step", kwargs={"org": request.org.slug, "pk": message.pk, "step": key}
                ),
                "state": "current" if key == step else "bad" if key in blocked else "done",
            }
            for key, label in STEPS.items()
        ],
        "lines": lines,
    }


def _review(request: OrgRequest, message: Message) -> dict[str, Any]:
    """Everything that C-17 asks for: recipients by group, when, when the list is read, the checklist."""
    at = timezone.now()
    steps = _funnel(request, message)
    targeted = steps.targeted if steps else None
    facts = checklist.Facts(message, message.campaign, request.settings, at, targeted)
    lines = checklist.judge(facts)
    return {
        "funnel": steps,
        "lines": lines,
        "blockers": [line for line in lines if line.blocks],
        "planned": schedule.planned_at(message),
        "audience_rows": message.audiences.for_org(message.org_id).select_related("audience__current"),
        "may_submit": request.access.may("message.submit"),
    }


def _funnel(request: OrgRequest, message: Message) -> funnel.Funnel | None:
    """What the run would write now; None while it cannot be told."""
    try:
        body = versions.build(message, message.campaign, request.settings)
        if not any(not audience.exclude for audience in body.audiences) or not body.sender.id:
            return None
        return funnel.preview(request.org, body, request.settings, at=timezone.now())
    except ContentRefused:
        return None


@org_view("campaign.view")
def message_funnel(request: OrgRequest, pk: int) -> HttpResponse:
    """The funnel of A-37 as of now, beside the audience step."""
    message = visible_message(request, pk)
    context = {"message": message, "campaign": message.campaign, "funnel": _funnel(request, message)}
    page = "campaigns/_funnel.html" if request.htmx else "campaigns/message_funnel.html"
    return render(request, page, context)


@xframe_options_sameorigin
@org_view("campaign.view")
def message_preview(request: OrgRequest, pk: int) -> HttpResponse:
    """The message as a customer sees it, on its own address with its own policy (Q-27)."""
    message = visible_message(request, pk)
    body = versions.outline(message, message.campaign, request.settings)
    asked = request.GET.get("customer", "")
    shown = preview.of_body(message, body, request.settings, int(asked) if asked.isdigit() else None)
    response = render(
        request, "campaigns/preview.html", {"shown": shown, "as_text": request.GET.get("as") == "text"}
    )
    response["Content-Security-Policy"] = FRAME_POLICY
    return response


@org_view("campaign.view")
def preview_frame(request: OrgRequest, pk: int) -> HttpResponse:
    """The preview's frame and its customers, to put in place after a change."""
    message = visible_message(request, pk)
    body = versions.outline(message, message.campaign, request.settings)
    customers = preview.customers_of(message, body, request.settings)
    return render(request, "campaigns/_preview_frame.html", {"message": message, "customers": customers})


@require_POST
@org_view("message.submit")
def submit(request: OrgRequest, pk: int) -> HttpResponse:
    message = visible_message(request, pk)
    steps = _funnel(request, message) if message.status == Message.Status.DRAFT else None
    try:
        lifecycle.submit(
            message, by=request.user, at=timezone.now(), targeted=steps.targeted if steps else None
        )
    except MoveRefused as refused:
        notes.error(request, str(refused))
        if message.status == Message.Status.DRAFT:
            return redirect("message-step", org=request.org.slug, pk=message.pk, step="review")
    else:
        notes.success(request, "Submitted. The approvers have a mail.")
    return redirect("message", org=request.org.slug, pk=message.pk)
