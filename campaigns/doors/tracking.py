"""The open pixel and tracked links. Looking changes nothing but what is noted about the look (Q-15)."""

from __future__ import annotations

import base64
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from campaigns import targets
from campaigns.doors import unsubscribe
from campaigns.models import Run, ShortLink
from campaigns.receipts import visits
from campaigns.receipts.visits import Visit
from channels import tokens
from channels.tokens import HIDDEN_LINK, SHORT_UNSUBSCRIBE, LedgerKey
from engage.orgs import languages
from engage.orgs.tenancy import org_context

PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@require_safe
@never_cache
def open_pixel(request: HttpRequest, token: str) -> HttpResponse:
    """The picture that says that a message was shown. A name that does not fit still gets no error to look at."""
    try:
        key = tokens.read_open(token)
    except tokens.Forged:
        return HttpResponse(status=404)
    with org_context(key.org):
        run = Run.objects.for_org(key.org).filter(pk=key.run).first()
        if run is not None:
            visits.note(run, key, _visit(request), at=timezone.now())
    return HttpResponse(PIXEL, content_type="image/gif")


@require_safe
@never_cache
def click(request: HttpRequest, token: str) -> HttpResponse:
    """On to the target of a tracked link."""
    try:
        key, link = tokens.read_link(token)
    except tokens.Forged:
        return gone(request)
    return _follow(request, key, link)


@csrf_exempt
@never_cache
def short(request: HttpRequest, code: str) -> HttpResponse:
    """A short link of a text message: a tracked link, or the way to unsubscribe (H-19, H-21)."""
    found = ShortLink.objects.filter(code=tokens.read_short(code)).first()
    if found is None:
        return gone(request)
    key = LedgerKey(found.org_id, found.customer_id, found.run_on, found.run_id, found.seq)
    if found.purpose == SHORT_UNSUBSCRIBE:
        return unsubscribe.landing(request, key)
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    return _follow(request, key, found.purpose)


def _follow(request: HttpRequest, key: LedgerKey, link: int) -> HttpResponse:
    with org_context(key.org):
        run = Run.objects.for_org(key.org).filter(pk=key.run).first()
        if run is None:
            return gone(request)
        target = None if link == HIDDEN_LINK else targets.target_of(run, key, link)
        if target is not None or link == HIDDEN_LINK:
            visits.note(run, key, _visit(request), at=timezone.now(), link=link)
    return HttpResponseRedirect(target) if target else gone(request)


def gone(request: HttpRequest) -> HttpResponse:
    """There is no such link, or it was altered: the same words for both (H-20)."""
    with translation.override(languages.choose(request.headers.get("Accept-Language", ""))):
        return render(request, "public/link_gone.html", status=404)


def _visit(request: HttpRequest) -> Visit:
    return Visit(
        method=request.method or "GET",
        user_agent=request.headers.get("User-Agent", ""),
        purpose=request.headers.get("Sec-Purpose", "") or request.headers.get("Purpose", ""),
    )
