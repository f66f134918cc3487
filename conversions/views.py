"""The goal of a campaign, and the org's default."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns.models import Campaign
from conversions import goals
from conversions.conditions import FIELDS
from conversions.editor import PRESETS, WEEKDAYS, Editor, sentence
from conversions.goals import GoalRefused
from conversions.models import Goal
from engage.orgs import audit
from engage.orgs.doors import OrgRequest, org_view


def _campaign(request: OrgRequest, pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.for_org(request.org).visible_to(request.access), pk=pk)


def _panel(request: OrgRequest, campaign: Campaign) -> dict[str, Any]:
    goal = goals.goal_of(campaign)
    return {
        "campaign": campaign,
        "goal": goal,
        "words": sentence(goal, request.settings) if goal else "",
        "locked": goals.why_locked(campaign, request.settings),
        "has_default": goals.default_goal(request.org) is not None,
        "may_edit": request.access.may("goal.edit"),
    }


@org_view("campaign.view")
def goal_panel(request: OrgRequest, pk: int) -> HttpResponse:
    """The goal block of a campaign's page (G-05, C-54): a fragment in place, a page of its own without scripts."""
    context = _panel(request, _campaign(request, pk))
    template = "conversions/_goal_panel.html" if request.htmx else "conversions/goal_panel.html"
    return render(request, template, context)


@org_view("goal.edit")
def goal_edit(request: OrgRequest, pk: int) -> HttpResponse:
    campaign = _campaign(request, pk)
    editor = Editor.of(goals.goal_of(campaign), request.settings)
    status = 200
    if request.method == "POST":
        editor = Editor.posted(request.POST, request.settings)
        if act := request.POST.get("act", ""):
            editor.act(act)
        elif (question := editor.question()) is not None:
            try:
                goals.save_goal(
                    campaign, question, by=request.user, at=timezone.now(), revision=editor.revision
                )
            except GoalRefused as refused:
                editor.problems = [str(refused)]
            else:
                messages.success(request, "The goal is saved.")
                return redirect("campaign", org=request.org.slug, pk=campaign.pk)
        status = 422 if editor.problems else 200
    context = _form(request, editor) | _panel(request, campaign)
    return render(request, _form_template(request, "conversions/goal_edit.html"), context, status=status)


@require_POST
@org_view("goal.edit")
def goal_change(request: OrgRequest, pk: int) -> HttpResponse:
    """Remove the goal, or take the org's default (G-05)."""
    campaign = _campaign(request, pk)
    try:
        if request.POST.get("do") == "reset":
            goals.reset_goal(campaign, by=request.user, at=timezone.now())
            messages.success(request, "The campaign has the org's default goal.")
        else:
            goals.remove_goal(campaign, by=request.user, at=timezone.now())
            messages.success(request, "The campaign has no goal.")
    except GoalRefused as refused:
        messages.error(request, str(refused))
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
        "history": audit.history(stored, request.org)[:20] if stored else [],
    }
    return render(request, _form_template(request, "conversions/default_goal.html"), context, status=status)


@require_POST
@org_view("settings.goal")
def default_goal_remove(request: OrgRequest) -> HttpResponse:
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
