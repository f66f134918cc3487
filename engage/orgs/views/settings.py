"""The org's settings, switches and keys."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from engage.orgs import apikeys, audit, configuring
from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.forms.settings import GeneralForm, KeyForm, SwitchForm
from engage.orgs.members import ChangeRefused
from engage.orgs.models import ApiKey, OrgSettings
from engage.orgs.models.org import Switch

EFFECTS = {
    Switch.GOALS: "Off: goals are read-only and keep computing.",
    Switch.LINK_TRACKING: "Off: links stay untouched, and clicks are not offered as an anchor.",
    Switch.OPEN_TRACKING: "Off: no picture is added, and opens are not offered as an anchor.",
    Switch.TEMPLATE_LOGIC: "Off: content with logic tags is rejected when it is saved.",
    Switch.SERVICE_CLASS: "Off: service-class messages are not offered.",
    Switch.SEND_TO_CONTROL: "Off: sending to the control group is not offered.",
    Switch.SELF_APPROVAL: "On: people may approve what they wrote, and it is marked everywhere.",
}


@org_view("settings.view")
def overview(request: OrgRequest) -> HttpResponse:
    return render(request, "orgs/settings.html")


@org_view("settings.general", fresh=False)
def general(request: OrgRequest) -> HttpResponse:
    stored = OrgSettings.objects.for_org(request.org).select_related("org").get()
    form = GeneralForm(
        request.POST or None,
        instance=stored,
        has_transactions=configuring.has_transactions(request.org),
    )
    if request.method == "POST" and form.is_valid():
        edited = form.save(commit=False)
        edited.revision = form.cleaned_data["revision"]
        configuring.save_settings(
            edited, name=form.cleaned_data["name"], by=request.access, at=timezone.now()
        )
        messages.success(request, "The settings are saved.")
        return redirect("settings-general", org=request.org.slug)
    context = {"form": form, "history": audit.history(stored, request.org)[:20]}
    return render(request, "orgs/general.html", context)


@org_view("settings.general", fresh=True)
def switches(request: OrgRequest) -> HttpResponse:
    if request.method == "POST":
        form = SwitchForm(request.POST)
        if form.is_valid():
            _turn(request, form)
        return redirect("settings-switches", org=request.org.slug)
    rows = [
        {"switch": switch, "on": getattr(request.settings, switch.value), "effect": EFFECTS[switch]}
        for switch in Switch
    ]
    return render(request, "orgs/switches.html", {"rows": rows})


def _turn(request: OrgRequest, form: SwitchForm) -> None:
    switch = Switch(form.cleaned_data["switch"])
    try:
        after = configuring.turn(switch, on=form.cleaned_data["on"], by=request.access, at=timezone.now())
    except ChangeRefused as refused:
        messages.error(request, str(refused))
        return
    if after.self_approval_asked_by_id:
        messages.info(request, "Asked. Another Org admin must turn self-approval on.")
    else:
        word = "on" if getattr(after, switch.value) else "off"
        messages.success(request, f"{switch.label} is {word}, from now on.")


@org_view("settings.keys", fresh=True)
def keys(request: OrgRequest) -> HttpResponse:
    """Keys of the org; a new one's secret is shown on the answer to the form and never again (T-28)."""
    form = KeyForm(request.POST or None, access=request.access)
    secret = ""
    if request.method == "POST" and form.is_valid():
        _, secret = apikeys.make_key(
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            unit=form.cleaned_data["unit"],
            by=request.access,
            at=timezone.now(),
        )
        form = KeyForm(access=request.access)
    found = ApiKey.objects.for_org(request.org).select_related("unit", "created_by")
    return render(request, "orgs/keys.html", {"form": form, "keys": found, "secret": secret})


@require_POST
@org_view("settings.keys")
def key_revoke(request: OrgRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(ApiKey.objects.for_org(request.org), pk=pk)
    apikeys.revoke_key(key, by=request.access, at=timezone.now())
    messages.success(request, f"The key {key.name} is revoked; its next request is refused.")
    return redirect("settings-keys", org=request.org.slug)
