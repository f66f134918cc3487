"""The landing page of unsubscribe links, and RFC 8058's one click. Only a POST acts (H-15, H-16, Q-15)."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.receipts import leaving
from campaigns.receipts.leaving import Place, Scope, UndoRefused, Way
from channels import tokens
from channels.tokens import LedgerKey
from engage.orgs import brand, languages
from engage.orgs.brand import Face, Words
from engage.orgs.tenancy import org_context

# What previews link to; tests are signed for run 0.
PREVIEW: Final = "preview"
REASONS: Final = {
    "too_many": gettext_lazy("I get too many messages"),
    "not_relevant": gettext_lazy("They are not relevant for me"),
    "never_asked": gettext_lazy("I never asked for them"),
    "other": gettext_lazy("Something else"),
}


class LeaveForm(forms.Form):
    """What somebody leaves, and why."""

    scope = forms.ChoiceField(
        label=gettext_lazy("What do you want no more of?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose what you want no more of.")},
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Why?"),
        required=False,
        choices=[("", gettext_lazy("I would rather not say")), *REASONS.items()],
    )

    def __init__(self, *args: Any, channel: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (Scope.CHANNEL.value, _("Offers and news by %(channel)s") % {"channel": channel}),
            (Scope.ALL.value, _("Offers and news on every channel")),
        ]


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Needs no cookie, sign-in or redirect, so it has no CSRF token either: the link's signature is the proof."""
    if token == PREVIEW:
        return _neutral(request, "test")
    try:
        key = tokens.read_unsubscribe(token)
    except tokens.Forged:
        return _neutral(request, "damaged", status=404)
    return landing(request, key)


def landing(request: HttpRequest, key: LedgerKey) -> HttpResponse:
    """The page of one delivery's link, whichever its form. The caller takes GET, HEAD and POST without CSRF token."""
    with org_context(key.org):
        face = brand.face_of(key.org)
        if face is None:
            return _neutral(request, "damaged", status=404)
        with translation.override(_language(request, face)):
            if key.run == 0:
                return page(request, "test", face, _("e-mail"))
            place = leaving.find(key)
            if place is None:
                return _neutral(request, "damaged", status=404)
            return _act(request, face, place) if request.method == "POST" else _ask(request, face, place)


def page(
    request: HttpRequest,
    what: str,
    face: Face,
    channel: str,
    *,
    words: Words | None = None,
    status: int = 200,
    **shown: object,
) -> HttpResponse:
    """A state of the page, in the language of the moment. `words` stand for the org's own stored ones."""
    words = words or face.words(translation.get_language() or languages.FALLBACK, channel)
    context = {"what": what, "face": face, "channel": channel, "words": words, **shown}
    return render(request, "public/unsubscribe.html", context, status=status)


def asked(channel: str) -> LeaveForm:
    return LeaveForm(channel=channel, initial={"scope": Scope.CHANNEL.value})


def _ask(request: HttpRequest, face: Face, place: Place, **shown: Any) -> HttpResponse:
    channel = place.channel_name
    return page(request, "ask", face, channel, **{"form": asked(channel), **shown})


def _act(request: HttpRequest, face: Face, place: Place) -> HttpResponse:
    at, data, channel = timezone.now(), request.POST, place.channel_name
    if "undo" in data:
        try:
            leaving.undo(place, data["undo"], at=at)
        except UndoRefused as refused:
            return _ask(request, face, place, problem=str(refused), status=400)
        return page(request, "stays", face, channel)
    if data.get("List-Unsubscribe") == "One-Click":
        leaving.leave(place, scope=Scope.CHANNEL, way=Way.ONE_CLICK, at=at)
        return HttpResponse("Unsubscribed.", content_type="text/plain")
    form = LeaveForm(data, channel=channel)
    if not form.is_valid():
        return _ask(request, face, place, form=form, status=400)
    scope = Scope(form.cleaned_data["scope"])
    way = Way.ALL if scope is Scope.ALL else Way.PAGE
    undo = leaving.leave(place, scope=scope, way=way, reason=form.cleaned_data["reason"], at=at)
    return page(request, "left", face, channel, undo=undo, everything=scope is Scope.ALL)


def _language(request: HttpRequest, face: Face | None = None) -> str:
    return languages.choose(request.headers.get("Accept-Language", ""), face.language if face else "")


def _neutral(request: HttpRequest, what: str, *, status: int = 200) -> HttpResponse:
    """Where no org is known, or none may be named."""
    with translation.override(_language(request)):
        return render(request, "public/unsubscribe.html", {"what": what}, status=status)
