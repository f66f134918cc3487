"""The landing page as the org's customers will see it, for those who write it. Nothing here acts on anybody."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from campaigns.doors import unsubscribe
from campaigns.receipts.leaving import Scope
from engage.orgs import brand
from engage.orgs.brand import Face, Words
from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.views import brand as editing


# The page is the customers' own, whose forms carry no token; a post changes nothing.
@csrf_exempt
@org_view("settings.general")
def preview(request: OrgRequest) -> HttpResponse:
    """The page in the language of the address. Its buttons lead on through its states.

    The editor posts what is typed there, to be seen before it is saved.
    """
    language = editing.language_of(request)
    face = brand.face_of(request.org.pk)
    assert face is not None
    if "revision" not in request.POST:
        with translation.override(language):
            return _state(request, face)
    form = editing.landing_form(request, language, request.POST)
    if not form.is_valid():
        return editing.editor(request, language, form=form)
    with translation.override(language):
        channel = _("e-mail")
        words = Words.of(form.texts, company=face.company, channel=channel)
        face = face.coloured(form.cleaned_data["accent"])
        return unsubscribe.page(request, "ask", face, channel, words=words, form=unsubscribe.asked(channel))


def _state(request: HttpRequest, face: Face) -> HttpResponse:
    channel = _("e-mail")
    if "undo" in request.POST:
        return unsubscribe.page(request, "stays", face, channel)
    if request.method == "POST":
        everything = request.POST.get("scope") == Scope.ALL
        return unsubscribe.page(request, "left", face, channel, undo="preview", everything=everything)
    return unsubscribe.page(request, "ask", face, channel, form=unsubscribe.asked(channel))
