"""The form of a campaign: it keeps what is typed by itself, "Save campaign" confirms (C-01 to C-06, C-18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns import frame, objectives, power, unsaved
from campaigns.forms.campaign import CampaignForm, form_name
from campaigns.models import Campaign, Objective
from campaigns.signals import campaign_saved
from campaigns.views.campaign import campaign_of
from engage.orgs import formatting
from engage.orgs.doors import OrgRequest, org_view

TICKS: Final = ("own_control", "analytics")
# What the note beside the control share is worked out for.
EXAMPLE_CUSTOMERS: Final = 10_000


@org_view("campaign.create")
def new(request: OrgRequest) -> HttpResponse:
    return _answer(Desk(request, None, timezone.now()))


@org_view("campaign.create")
def edit(request: OrgRequest, *, pk: int) -> HttpResponse:
    return _answer(Desk(request, campaign_of(request, pk), timezone.now()))


@require_POST
@org_view("campaign.create")
def keep(request: OrgRequest, *, pk: int | None = None) -> HttpResponse:
    """Keep what was typed, and answer with the parts of the form that follow from it; `forget` throws it away."""
    desk = Desk(request, campaign_of(request, pk) if pk else None, timezone.now())
    if "forget" in request.POST:
        unsaved.forget(request.access, desk.key)
        return redirect(request.path.removesuffix("draft/"))
    typed = desk.form(request.POST)
    if typed.says_more and not unsaved.done_once(request.access, desk.deed):
        unsaved.keep(request.access, desk.key, _typed(request.POST), at=desk.at)
    else:
        unsaved.forget(request.access, desk.key)
    form = desk.form(typed=_typed(request.POST))
    same_picker = request.POST.get("picker") == form["objective"].value()
    context = desk.context(form) | {"saved_at": desk.at, "same_picker": same_picker}
    return render(request, "campaigns/_campaign_form_kept.html", context)


@dataclass(frozen=True)
class Desk:
    """One request of the form. `campaign` None is a new one."""

    request: OrgRequest
    campaign: Campaign | None
    at: datetime

    @property
    def key(self) -> str:
        """Under which this person's unsaved fields are kept."""
        return f"campaign:{self.campaign.pk if self.campaign else 'new'}"

    @property
    def deed(self) -> str:
        return f"new:{self.request.POST.get('token', '')[:20] or unsaved.new_token()}"

    def form(
        self, data: Mapping[str, Any] | None = None, typed: Mapping[str, Any] | None = None
    ) -> CampaignForm:
        return CampaignForm(
            data,
            access=self.request.access,
            settings=self.request.settings,
            at=self.at,
            campaign=self.campaign,
            typed=typed,
        )

    def context(self, form: CampaignForm) -> dict[str, Any]:
        asked = self.request.POST
        objective = form["objective"].value() or ""
        searches = {kind: asked.get(f"find_{kind}", "") for kind in objectives.LABELS}
        return {
            "form": form,
            "campaign": self.campaign,
            "objective": objective,
            "objectives": [
                {"value": value, "label": label, "help": objectives.HELP[value], "on": value == objective}
                for value, label in Objective.choices
            ],
            "shelves": objectives.shelves(self.request.org, objective, form["pick"].value() or [], searches),
            "lift_note": self._lift_note(form),
            "name_taken": self._name_taken(form),
        }

    def _name_taken(self, form: CampaignForm) -> bool:
        name = str(form["name"].value() or "").strip()
        unit, pk = form.unit, self.campaign.pk if self.campaign else None
        return bool(name) and frame.name_is_used(self.request.org.pk, unit.pk if unit else None, name, but=pk)

    def _lift_note(self, form: CampaignForm) -> str:
        """M-35 for a campaign of an ordinary size; the review of a message knows its own."""
        share = _share(form, (self.campaign or self.request.settings).control_permille)
        if share is None:
            return ""
        control = EXAMPLE_CUSTOMERS * share
        rate = power.usual_rate(self.request.org.pk, at=self.at)
        lift = power.smallest_lift(EXAMPLE_CUSTOMERS - control, control, rate)
        if lift is None:
            return "Nobody is held out, so the effect of this campaign cannot be measured."
        style = self.request.settings
        return (
            f"Of {formatting.number(EXAMPLE_CUSTOMERS, style)} customers {formatting.number(control, style)} are held "
            f"out. At a control hit rate of {formatting.percent(100 * rate, style)}, the smallest lift that shows is "
            f"{formatting.number(lift, style, places=2)} points."
        )

    def show(self, form: CampaignForm, *, status: int = 200, **more: Any) -> HttpResponse:
        advanced = bool(
            {"control", "own_control", "analytics_campaign", "analytics_source"} & set(form.errors)
        )
        context = self.context(form) | {"advanced_open": advanced} | more
        return render(self.request, "campaigns/campaign_form.html", context, status=status)


def _answer(desk: Desk) -> HttpResponse:
    request = desk.request
    if request.method != "POST":
        draft = unsaved.kept(request.access, desk.key)
        return desk.show(desk.form(typed=draft.fields if draft else None), draft=draft)
    if "find" in request.POST:
        return desk.show(desk.form(typed=_typed(request.POST)))
    form = desk.form(request.POST)
    if not form.is_valid():
        return desk.show(form, status=422)
    try:
        saved = _save(desk, form)
    except frame.Stale as stale:
        return _show_both(desk, form, stale.newest)
    except frame.CampaignRefused as refused:
        name = form_name(refused.field)
        form.add_error(name if name in form.fields else None, str(refused))
        return desk.show(form, status=422)
    unsaved.forget(request.access, desk.key)
    is_new = desk.campaign is None
    for _listener, said in campaign_saved.send(
        Campaign, campaign=saved, access=request.access, at=desk.at, is_new=is_new
    ):
        if said:
            messages.error(request, said)
    if frame.name_is_used(request.org.pk, saved.unit_id, saved.name, but=saved.pk):
        messages.warning(request, f"Another campaign of this owner is called “{saved}” too.")
    messages.success(request, f"“{saved}” is saved.")
    return redirect("campaign", org=request.org.slug, pk=saved.pk)


def _save(desk: Desk, form: CampaignForm) -> Campaign:
    request, fields = desk.request, form.fields_of_frame()
    if desk.campaign is not None:
        return frame.change(
            desk.campaign,
            fields,
            access=request.access,
            settings=request.settings,
            at=desk.at,
            revision=form.cleaned_data["revision"] or 0,
        )
    claim, first = unsaved.once(request.access, desk.deed, at=desk.at)
    if not first:
        return campaign_of(request, claim.fields["campaign"])
    try:
        made = frame.create(request.settings, access=request.access, unit=form.unit, at=desk.at, **fields)
    except frame.CampaignRefused:
        claim.delete()
        raise
    claim.fields = {"campaign": made.pk}
    claim.save(update_fields=["fields"])
    return made


def _show_both(desk: Desk, form: CampaignForm, newest: Campaign) -> HttpResponse:
    """Somebody saved a newer version: both are shown, and saving again means it (C-18)."""
    request = desk.request
    differing = [
        (name, value) for name, value in form.fields_of_frame().items() if getattr(newest, name) != value
    ]
    if not differing:
        return redirect("campaign", org=request.org.slug, pk=newest.pk)
    again = request.POST.copy()
    again["revision"] = str(newest.revision)
    rows = [
        {
            "label": _label(form, name),
            "mine": _said(desk, name, value),
            "theirs": _said(desk, name, getattr(newest, name)),
        }
        for name, value in differing
    ]
    current = Desk(request, newest, desk.at)
    return current.show(current.form(again), status=409, stale=rows)


def _label(form: CampaignForm, name: str) -> str:
    shown = form_name(name) or name
    return str(form[shown].label) if shown in form.fields else name


def _said(desk: Desk, name: str, value: Any) -> str:
    if name == "objective":
        return str(Objective(value).label) if value else formatting.DASH
    if name == "objective_values":
        return ", ".join(found.name for found in objectives.named(desk.request.org, value)) or formatting.DASH
    if name == "control_permille":
        return f"{value / 10:g} %"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        formatting.day(value, desk.request.settings) if isinstance(value, date) else value or formatting.DASH
    )


def _typed(post: QueryDict) -> dict[str, Any]:
    """The fields as posted. A box that is not ticked and an empty choice of values are not posted, and mean it."""
    found: dict[str, Any] = {name: post[name] for name in CampaignForm.base_fields if name in post}
    found |= {name: name in post for name in TICKS}
    return found | {"pick": post.getlist("pick")}


def _share(form: CampaignForm, otherwise: int) -> float | None:
    if not form["own_control"].value():
        return otherwise / 1000
    try:
        return min(max(float(form["control"].value()), 0), 50) / 100
    except (TypeError, ValueError):
        return None
