"""Writing a message, a step at a time: saved field by field, never over someone's newer version (C-10 to C-18)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages as notes
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns import (
    checklist,
    drafting,
    editors,
    lifecycle,
    schedule,
    sender_choice,
    unsaved,
    versions,
)
from campaigns.forms.message import STEPS, NewMessageForm, StepForm, form_class
from campaigns.lifecycle import MoveRefused
from campaigns.models import Campaign, Message
from campaigns.views import previews
from campaigns.views.previews import visible_message
from engage.orgs.doors import OrgRequest, org_view


@org_view("message.create")
def new(request: OrgRequest, pk: int) -> HttpResponse:
    """The first save; from here on every field saves itself. A second press opens what the first one made."""
    campaign = get_object_or_404(Campaign.objects.for_org(request.org).visible_to(request.access), pk=pk)
    token = request.POST.get("token") or unsaved.new_token()
    if request.method == "POST" and unsaved.done_once(request.access, f"message:{pk}:{token}"):
        claim, _ = unsaved.once(request.access, f"message:{pk}:{token}", at=timezone.now())
        return redirect("message-step", org=request.org.slug, pk=claim.fields["message"], step="audience")
    form = NewMessageForm(
        request.POST or None, campaign_id=campaign.pk, org_id=request.org.pk, initial={"token": token}
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = _made(request, campaign, form, token)
        except MoveRefused as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("message-step", org=request.org.slug, pk=made, step="audience")
    status = 422 if form.errors else 200
    return render(request, "campaigns/message_new.html", {"campaign": campaign, "form": form}, status=status)


def _made(request: OrgRequest, campaign: Campaign, form: NewMessageForm, token: str) -> int:
    """The id of the message that this press makes, or that another press at the same moment made."""
    at, channel = timezone.now(), form.cleaned_data["channel"]
    claim, first = unsaved.once(request.access, f"message:{campaign.pk}:{token}", at=at)
    if first:
        try:
            message = lifecycle.create(
                campaign,
                title=form.cleaned_data["title"],
                by=request.user,
                at=at,
                channel=channel,
                sender=next(iter(sender_choice.offered(campaign, channel)), None),
            )
        except MoveRefused:
            claim.delete()
            raise
        claim.fields = {"message": message.pk}
        claim.save(update_fields=["fields"])
    return int(claim.fields["message"])


@org_view("campaign.view")
def step(request: OrgRequest, pk: int, step: str) -> HttpResponse:
    message = visible_message(request, pk)
    if step not in STEPS:
        raise Http404
    if request.method == "POST":
        request.access.require("message.create")
    if message.status != Message.Status.DRAFT or not request.access.may("message.create"):
        status = 409 if request.method == "POST" else 200
        return render(request, "campaigns/wizard_closed.html", _frame(request, message, step), status=status)
    form = form_class(step, message)(
        request.POST or None, message=message, access=request.access, settings=request.settings
    )
    if request.method != "POST":
        return _page(request, message, step, form)
    if not form.is_valid():
        return _refused(request, message, step, form, status=422)
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
        # Saved again, what was typed goes over theirs: the form now carries their revision.
        typed = request.POST.copy()
        typed["revision"] = str(stale.newest.revision)
        form.data = typed
        form.add_error(None, str(stale))
        return _refused(request, stale.newest, step, form, status=409, stale=_both(form, theirs))
    except MoveRefused as refused:
        form.add_error(None, str(refused))
        return _refused(request, message, step, form, status=409)
    if request.htmx:
        return render(
            request, "campaigns/_wizard_saved.html", {"message": saved, "saved_at": saved.updated_at}
        )
    return redirect("message-step", org=request.org.slug, pk=message.pk, step=_beside(step, 1))


def _both(mine: StepForm, theirs: StepForm) -> list[dict[str, Any]]:
    """The fields that differ, as typed and as saved now."""
    rows = []
    for field in mine.visible_fields():
        typed, saved = field.value(), theirs[field.name].value()
        if str(typed or "") != str(saved or ""):
            rows.append({"label": field.label, "mine": typed, "theirs": saved})
    return rows


def _refused(
    request: OrgRequest, message: Message, step: str, form: StepForm, *, status: int, **more: Any
) -> HttpResponse:
    """What a failed save answers: to the form that saves itself only why, else the whole page with what was typed."""
    if request.htmx:
        problems = " ".join(_named_errors(form))
        return render(request, "campaigns/_wizard_unsaved.html", {"problems": problems}, status=status)
    return _page(request, message, step, form, status=status, **more)


def _named_errors(form: StepForm) -> Iterator[str]:
    """Each with its field, as they are not beside it here."""
    for name, errors in form.errors.items():
        label = f"{form[name].label}: " if name in form.fields else ""
        yield from (f"{label}{text}" for text in errors)


def _page(
    request: OrgRequest, message: Message, step: str, form: StepForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = _frame(request, message, step) | {"form": form}
    if step == "content":
        context |= previews.beside(request, message)
    if step == "schedule":
        context["planned"] = schedule.planned_at(message)
    if step == "review":
        context |= _review(request, message)
    return render(request, f"campaigns/wizard_{step}.html", context | more, status=status)


def _beside(step: str, way: int) -> str:
    keys = list(STEPS)
    return keys[max(0, min(keys.index(step) + way, len(keys) - 1))]


def _frame(request: OrgRequest, message: Message, step: str) -> dict[str, Any]:
    """The stepper, with each step's completeness from the checklist."""

    def address(key: str) -> str:
        return reverse("message-step", kwargs={"org": request.org.slug, "pk": message.pk, "step": key})

    lines = checklist.judge(checklist.Facts(message, message.campaign, request.settings, timezone.now()))
    blocked = {line.step for line in lines if line.blocks}
    states = {key: "bad" if key in blocked else "done" for key in STEPS}
    states["review"] = "" if blocked else states["review"]
    states[step] = "current"
    return {
        "message": message,
        "campaign": message.campaign,
        "step": step,
        "steps": [
            {"label": label, "url": address(key), "state": states[key]} for key, label in STEPS.items()
        ],
        "back": address(_beside(step, -1)) if step != "basics" else "",
        "lines": lines,
        "step_lines": [line for line in lines if line.step == step],
        "rejection": versions.rejection(message),
    }


def _review(request: OrgRequest, message: Message) -> dict[str, Any]:
    """Everything that C-17 asks for: recipients by group, when, when the list is read, the checklist."""
    steps = previews.funnel_of(request, message)
    facts = previews.facts_of(request, message, steps)
    lines = checklist.judge(facts)
    return previews.beside(request, message) | {
        "funnel": steps,
        "smallest_lift": previews.smallest_lift(steps, message.org_id),
        "estimate": previews.estimate_of(request, message, facts.body, steps),
        "lines": lines,
        "blockers": [line for line in lines if line.blocks],
        "large": any(line.code == "large_send" for line in lines) or message.typed_recipients,
        "planned": schedule.planned_at(message),
        "audience_rows": message.audiences.for_org(message.org_id).select_related("audience__current"),
        "content": next(iter(facts.body.contents), None),
        "may_submit": request.access.may("message.submit"),
        "writers": editors.names(message),
    }


@require_POST
@org_view("message.submit")
def submit(request: OrgRequest, pk: int) -> HttpResponse:
    """Save the typed number, if there is one, and submit."""
    message = visible_message(request, pk)
    steps = previews.funnel_of(request, message) if message.status == Message.Status.DRAFT else None
    try:
        message = _with_typed_number(request, message)
        lifecycle.submit(
            message, by=request.user, at=timezone.now(), targeted=steps.targeted if steps else None
        )
    except (MoveRefused, drafting.Stale) as refused:
        notes.error(request, str(refused))
        if message.status == Message.Status.DRAFT:
            return redirect("message-step", org=request.org.slug, pk=message.pk, step="review")
    else:
        notes.success(request, "Submitted. Those who may approve it have a mail.")
    return redirect("message", org=request.org.slug, pk=message.pk)


def _with_typed_number(request: OrgRequest, message: Message) -> Message:
    typed = request.POST.get("typed_recipients", "").replace(",", "").strip()
    if not typed.isdecimal() or message.status != Message.Status.DRAFT:
        return message
    return drafting.save(
        message,
        "review",
        {"typed_recipients": min(int(typed), 2**62)},
        access=request.access,
        settings=request.settings,
        at=timezone.now(),
        revision=message.revision,
    )
