"""The public doors under the tracking domains of orgs.

What a proxy would do is done here, because orgs add their domains without the operator (T-24).
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.views.decorators.http import require_safe

from campaigns import domains


def tracking_hosts(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a request for a verified host is one for the platform's, and sees the public doors only.

    Any other unknown host goes on to Django, which refuses it.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        host, _ = split_domain_port(request.META.get("HTTP_HOST", ""))
        if host and not validate_host(host, settings.ALLOWED_HOSTS) and domains.answers(host):
            request.META["HTTP_HOST"] = urlsplit(settings.TRACKING_URL).netloc
            request.urlconf = "campaigns.urls_public"  # type: ignore[attr-defined]  # Django reads it from there
        return answer(request)

    return middleware


@require_safe
def certificate_wanted(request: HttpRequest) -> HttpResponse:
    """For a proxy that fetches certificates on demand: 200 for a host that answers here, else 404."""
    known = domains.answers(request.GET.get("domain", "")[:253])
    return HttpResponse("yes" if known else "no", status=200 if known else 404, content_type="text/plain")
