"""The door of every org page: sign-in, org among mine, right, context, and the page rendered inside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, cast
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django_htmx.middleware import HtmxDetails

from engage.orgs import audit, tasks
from engage.orgs.access import Access, NotAllowed, access_of
from engage.orgs.models import Job, Org, OrgSettings, User
from engage.orgs.tenancy import org_context

P = ParamSpec("P")
FRESH = timedelta(minutes=15)


class OrgRequest(HttpRequest):
    """A request inside an org's context."""

    user: User
    org: Org
    settings: OrgSettings
    access: Access
    htmx: HtmxDetails


class _Marked(Protocol):
    right: str | None


View = Callable[Concatenate[OrgRequest, P], HttpResponseBase]
Door = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def client_address(request: HttpRequest) -> str:
    """The peer's address. A trusted proxy's header is settled by the server in front, not guessed here."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person proved who they are within the last 15 minutes (T-20)."""
    proved = request.session.get("proved_at")
    return proved is not None and timezone.now().timestamp() - proved < FRESH.total_seconds()


def org_view(right: str | None = None, *, fresh: bool = False) -> Callable[[View[P]], Door[P]]:
    """Wrap a view of `/o/<org>/…`: it runs inside the org's transaction, which an exception rolls back.

    A foreign or unknown org answers 404 alike; a missing `right` answers 403, names it, and is audited. With `fresh`
    a POST first asks for new proof of identity when the last is over 15 minutes old.
    """

    def wrap(view: View[P]) -> Door[P]:
        @wraps(view)
        @never_cache
        @login_required
        def door(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            slug = kwargs.pop("org")
            user = cast("User", request.user)
            org = Org.objects.filter(slug=slug, seat__user=user).first()
            if org is None:
                raise Http404
            try:
                with audit.from_address(client_address(request)), org_context(org.pk):
                    access = access_of(user, org)
                    if access is None:
                        raise Http404
                    inside = cast("OrgRequest", request)
                    inside.org, inside.access = org, access
                    inside.settings = org.settings = OrgSettings.objects.for_org(org).get()
                    if right is not None:
                        access.require(right)
                    if fresh and request.method == "POST" and not is_fresh(request):
                        return _prove(request)
                    return view(inside, *args, **kwargs)
            except NotAllowed as refused:
                return _refuse(request, org, user, refused)
            finally:
                # The context is closed: an error page drawn from here on knows no org, like any stranger's.
                request.__dict__.pop("access", None)

        cast("_Marked", door).right = right
        return cast("Door[P]", door)

    return wrap


def _prove(request: HttpRequest) -> HttpResponse:
    back = request.headers.get("referer") or request.path
    asked = f"{reverse('prove')}?{urlencode({'next': back})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": asked})
    return HttpResponseRedirect(asked)


def _refuse(request: HttpRequest, org: Org, user: User, refused: NotAllowed) -> HttpResponse:
    # The view's transaction is rolled back; the attempt is kept in one of its own (T-31).
    with audit.from_address(client_address(request)), org_context(org.pk):
        audit.record(
            org,
            "access.denied",
            by=user,
            at=timezone.now(),
            after={"right": refused.right, "path": request.path[:200]},
        )
        return render(request, "403.html", {"exception": str(refused)}, status=403)


def ring_job(job: Job) -> None:
    """Start a job once this request has committed; a lost bell costs a minute, the scheduler rings again."""
    transaction.on_commit(lambda: tasks.run_job.delay(org_id=job.org_id, job_id=job.pk))


def org_url(org: Org, name: str, **kwargs: Any) -> str:
    """The address of an org page."""
    return reverse(name, kwargs={"org": org.slug, **kwargs})
