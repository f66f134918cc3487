"""The goal of a campaign, and the org's default."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from conversions import goals, kept
from conversions.conditions import FIELDS
from conversions.editor import PRESETS, WEEKDAYS, Editor, sentence
from conversions.goals import GoalRefused
from conversions.models import Goal
from engage.orgs import audit
from engage.orgs.doors import OrgRequest, org_view


def _campaign(request: OrgRequest, pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.for_org(request.org).visible_to(request.access), pk=pk)


def _panel(request: OrgRequest, campaign: Campaign | None) -> dict[str, Any]:
    """The goal as it will be: what this person kept, else the stored one; of a new campaign the org's default."""
    default = goals.default_goal(request.org)
    waiting = kept.read(request.access, campaign)
    stored = goals.goal_of(campaign) if campaign else default
    goal = waiting.goal if waiting else stored
    return {
        "campaign": campaign,
        "goal": goal,
        "kept": waiting is not None,
        "words": sentence(goal, request.settings) if goal else "",
        "locked": goals.why_locked(campaign, request.settings),
        "has_default": default is not None,
        "may_edit": request.access.may("goal.edit"),
    }


@org_view("campaign.view")
def goal_panel(request: OrgRequest, pk: int | None = None) -> HttpResponse:
    """The goal block of a campaign's page and form (G-05, C-54): a fragment in place, a page without scripts."""
    context = _panel(request, _campaign(request, pk) if pk else None)
    template = "conversions/_goal_panel.html" if request.htmx else "conversions/goal_panel.html"
    return render(request, template, context)


@org_view("goal.edit")
def goal_edit(request: OrgRequest, pk: int | None = None) -> HttpResponse:
    """Edit the goal of a campaign, or of one that is not made yet. "Save goal" keeps it in the form (G-06)."""
    campaign = _campaign(request, pk) if pk else None
    panel = _panel(request, campaign)
    stored = goals.goal_of(campaign) if campaign else None
    editor = Editor.of(panel["goal"], request.settings)
    editor.revision = stored.revision if stored else 0
    if request.method == "POST":
        act = request.POST.get("act", "")
        editor = Editor.posted(request.POST, request.settings)
        if act in {"forget", "none"}:
            if act == "forget":
                kept.forget(request.access, campaign)
            else:
                kept.keep(request.access, campaign, None, revision=editor.revision, at=timezone.now())
            return redirect(_form_url(request, campaign))
        if act:
            editor.act(act)
        elif (question := editor.question()) is not None:
            if panel["locked"]:
                editor.problems = [panel["locked"]]
            else:
                kept.keep(request.access, campaign, question, revision=editor.revision, at=timezone.now())
                messages.success(request, "The goal is kept. “Save campaign” stores it.")
                return redirect(_form_url(request, campaign))
    guard = str(campaign.pk) if campaign else "new"
    context = _form(request, editor) | panel | {"guard": guard, "back": _form_url(request, campaign)}
    status = 422 if editor.problems else 200
    return render(request, _form_template(request, "conversions/goal_edit.html"), context, status=status)


def _form_url(request: OrgRequest, campaign: Campaign | None) -> str:
    """The campaign's form, where "Save campaign" is."""
    if campaign is None:
        return reverse("campaign-new", kwargs={"org": request.org.slug})
    return reverse("campaign-edit", kwargs={"org": request.org.slug, "pk": campaign.pk})


@org_view("goal.edit")
def goal_change(request: OrgRequest, pk: int) -> HttpResponse:
    """Remove the goal, which is asked once more, or take the org's default (G-04, G-05)."""
    campaign = _campaign(request, pk)
    if request.method != "POST":
        return render(request, "conversions/goal_remove.html", _panel(request, campaign))
    try:
        if request.POST.get("do") == "reset":
            goals.reset_goal(campaign, by=request.user, at=timezone.now())
            messages.success(request, "The campaign has the org's default goal.")
        else:
            goals.remove_goal(campaign, by=request.user, at=timezone.now())
            messages.success(request, "The campaign has no goal.")
    except GoalRefused as refused:
        messages.error(request, str(refused))
    else:
        kept.forget(request.access, campaign)
    return redirect("campaign", org=request.org.slug, pk=campaign.pk)


@org_view("settings.goal")
def default_goal(request: OrgRequest) -> HttpResponse:
    """Settings, Campaign attribution (G-04)."""
    stored = goals.default_goal(request.org)
    editor = Editor.of(stored, request.settings)
    status = 200
    if request.method == "POST":
        editor = Editor.posted(request.POST, request.settings)
        if act := request.POST.get("act", ""):
            editor.act(act)
        elif (question := editor.question()) is not None:
            try:
                goals.save_default(
                    request.org, question, by=request.user, at=timezone.now(), revision=editor.revision
                )
            except GoalRefused as refused:
                editor.problems = [str(refused)]
            else:
                messages.success(
                    request, "The default goal is saved. Campaigns made from now on begin with it."
                )
                return redirect("settings-goal", org=request.org.slug)
        status = 422 if editor.problems else 200
    context = _form(request, editor) | {
        "goal": stored,
        "words": sentence(stored, request.settings) if stored else "",
        "guard": "default",
        "editing": "edit" in request.GET or request.method == "POST",
        "history": audit.history(stored, request.org)[:20] if stored else [],
    }
    return render(request, _form_template(request, "conversions/default_goal.html"), context, status=status)


@org_view("settings.goal")
def default_goal_remove(request: OrgRequest) -> HttpResponse:
    """Asked once more before it goes (G-04)."""
    if request.method != "POST":
        stored = goals.default_goal(request.org)
        words = sentence(stored, request.settings) if stored else ""
        return render(request, "conversions/goal_remove.html", {"goal": stored, "words": words})
    try:
        goals.remove_default(request.org, by=request.user, at=timezone.now())
    except GoalRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "There is no default goal. Existing campaigns keep theirs.")
    return redirect("settings-goal", org=request.org.slug)


def _form(request: OrgRequest, editor: Editor) -> dict[str, Any]:
    return {
        "editor": editor,
        "fields": list(FIELDS.values()),
        "suggestions": editor.suggestions(),
        "anchors": Goal.Anchor.choices,
        "touches": Goal.Touch.choices,
        "presets": PRESETS,
        "weekdays": WEEKDAYS,
    }


def _form_template(request: OrgRequest, page: str) -> str:
    """A button of the form gets the form back, everything else the page."""
    return "conversions/_goal_form.html" if request.htmx and request.POST.get("act") else page
