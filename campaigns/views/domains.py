"""The org's own host for links: chosen, proved and given up by its admins."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns import domains
from campaigns.domains import DomainRefused
from engage.orgs.doors import OrgRequest, org_view


class DomainForm(forms.Form):
    host = forms.CharField(
        max_length=253,
        label=_("Host"),
        help_text=_("A name below a domain of yours that serves nothing else, like links.example.com."),
    )


@org_view("settings.general")
def page(request: OrgRequest) -> HttpResponse:
    """What links begin with now; a POST does one of choose, look up, give up."""
    form = DomainForm(request.POST if request.POST.get("act") == "choose" else None)
    status = 200
    if request.method == "POST":
        try:
            if _act(request, form):
                return redirect("settings-domain", org=request.org.slug)
        except DomainRefused as refused:
            if form.is_bound:
                form.add_error("host", str(refused))
            else:
                messages.error(request, str(refused))
        status = 422
    pending = domains.pending(request.org)
    context = {
        "form": form,
        "in_use": domains.in_use(request.org),
        "pending": pending,
        "proof_name": domains.proof_name(pending) if pending else "",
        "platform_host": domains.platform_host(),
        "tracking_url": domains.tracking_url(request.org),
    }
    return render(request, "campaigns/domain.html", context, status=status)


def _act(request: OrgRequest, form: DomainForm) -> bool:
    """Whether something was done. Raises `DomainRefused`."""
    at, act = timezone.now(), request.POST.get("act")
    if form.is_bound:
        if not form.is_valid():
            return False
        domains.choose(request.org, form.cleaned_data["host"], by=request.user, at=at)
        return True
    pending, in_use = domains.pending(request.org), domains.in_use(request.org)
    if act == "verify" and pending:
        domains.verify(pending, by=request.user, at=at)
        said = gettext("Links of messages that are submitted from now on begin with %(host)s.")
        messages.success(request, said % {"host": pending.host})
    elif act == "forget" and pending:
        domains.give_up(pending, by=request.user, at=at)
    elif act == "give_up" and in_use:
        domains.give_up(in_use, by=request.user, at=at)
        said = gettext(
            "New messages use the platform's host. %(host)s goes on answering for links sent before."
        )
        messages.success(request, said % {"host": in_use.host})
    return True
