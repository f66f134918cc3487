"""The landing page of unsubscribe links, and RFC 8058's one click. Only a POST acts (H-15, H-16, Q-15)."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.receipts import leaving
from campaigns.receipts.leaving import Place, Scope, UndoRefused, Way
from channels import tokens
from channels.tokens import LedgerKey
from engage.orgs.tenancy import org_context

# What previews link to; tests are signed for run 0.
PREVIEW: Final = "preview"
REASONS: Final = {
    "too_many": _("I get too many messages"),
    "not_relevant": _("They are not relevant for me"),
    "never_asked": _("I never asked for them"),
    "other": _("Something else"),
}


class LeaveForm(forms.Form):
    """What somebody leaves, and why."""

    scope = forms.ChoiceField(
        label=_("What do you want no more of?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what you want no more of.")},
    )
    reason = forms.ChoiceField(
        label=_("Why?"), required=False, choices=[("", _("I would rather not say")), *REASONS.items()]
    )

    def __init__(self, *args: Any, place: Place, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channel = _("Offers and news by %(channel)s") % {"channel": place.channel_name}
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (Scope.CHANNEL.value, channel),
            (Scope.ALL.value, _("Offers and news on every channel")),
        ]


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Needs no cookie, sign-in or redirect, so it has no CSRF token either: the link's signature is the proof."""
    if token == PREVIEW:
        return _page(request, "test")
    try:
        key = tokens.read_unsubscribe(token)
    except tokens.Forged:
        return _page(request, "damaged", status=404)
    return landing(request, key)


def landing(request: HttpRequest, key: LedgerKey) -> HttpResponse:
    """The page of one delivery's link, whichever its form. The caller takes GET, HEAD and POST without CSRF token."""
    if key.run == 0:
        return _page(request, "test")
    with org_context(key.org):
        place = leaving.find(key)
        if place is None:
            return _page(request, "damaged", status=404)
        if request.method == "POST":
            return _act(request, place)
        return _page(request, "ask", place, form=_asked(place))


def _asked(place: Place) -> LeaveForm:
    return LeaveForm(place=place, initial={"scope": Scope.CHANNEL.value})


def _act(request: HttpRequest, place: Place) -> HttpResponse:
    at, data = timezone.now(), request.POST
    if "undo" in data:
        try:
            leaving.undo(place, data["undo"], at=at)
        except UndoRefused as refused:
            return _page(request, "ask", place, form=_asked(place), problem=str(refused), status=400)
        return _page(request, "stays", place)
    if data.get("List-Unsubscribe") == "One-Click":
        leaving.leave(place, scope=Scope.CHANNEL, way=Way.ONE_CLICK, at=at)
        return HttpResponse("Unsubscribed.", content_type="text/plain")
    form = LeaveForm(data, place=place)
    if not form.is_valid():
        return _page(request, "ask", place, form=form, status=400)
    scope = Scope(form.cleaned_data["scope"])
    way = Way.ALL if scope is Scope.ALL else Way.PAGE
    undo = leaving.leave(place, scope=scope, way=way, reason=form.cleaned_data["reason"], at=at)
    return _page(request, "left", place, undo=undo, everything=scope is Scope.ALL)


def _page(
    request: HttpRequest, what: str, place: Place | None = None, *, status: int = 200, **shown: object
) -> HttpResponse:
    """In the browser's language, where it is spoken here; else the org's, else English (H-18)."""
    language = translation.get_language_from_request(request)
    with translation.override(language):
        context = {"what": what, "place": place, **shown}
        return render(request, "public/unsubscribe.html", context, status=status)
