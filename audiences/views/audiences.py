"""The audience list and an audience's page (A-43, A-45, A-46)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audiences import listing, lists, reach, usage
from audiences.models import Audience, Channel
from audiences.segments import counting
from audiences.segments.counting import TooSlow
from audiences.segments.frame import Frame
from audiences.segments.tree import TreeRefused
from engage.orgs import audit
from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.models import OrgUnit, User


def audience_of(request: OrgRequest, pk: int) -> Audience:
    """The audience in this person's scope, else 404."""
    visible = Audience.objects.for_org(request.org).visible_to(request.access)
    return get_object_or_404(visible.select_related("org", "current__org", "current__job", "unit"), pk=pk)


@org_view("audience.view")
def audience_list(request: OrgRequest) -> HttpResponse:
    asked = request.GET
    page = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 6 else 0
    found = listing.find(request.access, asked.dict(), page=page)
    makers = Audience.objects.for_org(request.org).visible_to(request.access).order_by()
    units = OrgUnit.objects.for_org(request.org)
    context = {
        "rows": found.rows,
        "next": page + 1 if found.more else None,
        "page": page,
        "asked": asked,
        "filtered": any(asked.get(name) for name in ("q", "kind", "owner", "by", "use", "size", "reach")),
        "kinds": Audience.Kind.choices,
        "channels": Channel.choices,
        "units": units if request.access.whole_org else units.filter(pk__in=request.access.unit_ids),
        "makers": User.objects.filter(pk__in=makers.values("created_by_id")).order_by("name"),
        "sizes": (100, 1_000, 10_000, 100_000),
        "whole_org": request.access.whole_org,
        "archived": asked.get("archived") == "1",
    }
    template = "audiences/_audiences.html" if request.htmx else "audiences/audiences.html"
    return render(request, template, context)


@org_view("audience.view")
def audience_page(request: OrgRequest, pk: int) -> HttpResponse:
    audience = audience_of(request, pk)
    current = audience.current
    frame = Frame(request.org, request.settings, timezone.now())
    versions = audience.versions.for_org(request.org).filter(number__gt=0)  # below zero: held for an approval
    context = {
        "audience": audience,
        "current": current,
        "words": lists.said(current, frame) if current else "",
        "reach": reach.by_channel(current) if current else [],
        "versions": [
            (version, lists.said(version, frame))
            for version in versions.select_related("created_by").order_by("-number")[:20]
        ],
        "uses": usage.of(request.org, [audience.pk])[audience.pk],
        "copy_name": lists.copy_name(audience),
        "history": audit.history(audience, request.org)[:20],
    }
    return render(request, "audiences/audience.html", context)


@require_POST
@org_view("audience.view")
def audience_count(request: OrgRequest, pk: int) -> HttpResponse:
    """Count exactly, now."""
    audience = audience_of(request, pk)
    if audience.current is None:
        messages.error(request, _("It is still being read."))
    else:
        try:
            with counting.patience(counting.LONG_PATIENCE):
                lists.count(audience.current, request.settings, at=timezone.now())
        except TooSlow:
            messages.error(request, _("Counting took longer than a minute. Try again when less is going on."))
        else:
            messages.success(request, _("Counted."))
    return redirect("audience", org=request.org.slug, pk=pk)


@require_POST
@org_view("audience.create")
def audience_duplicate(request: OrgRequest, pk: int) -> HttpResponse:
    """A filter like this one, open in the builder. The form posted twice finds the same copy."""
    audience = audience_of(request, pk)
    try:
        copy = lists.duplicate(
            request.access, request.settings, audience, name=request.POST.get("name", ""), at=timezone.now()
        )
    except (lists.ListRefused, TreeRefused) as refused:
        messages.error(request, str(refused))
        return redirect("audience", org=request.org.slug, pk=pk)
    messages.success(request, _("“%(name)s” is a copy. Change it here.") % {"name": copy.name})
    return redirect("audience-edit", org=request.org.slug, pk=copy.pk)


@require_POST
@org_view("audience.create")
def audience_archive(request: OrgRequest, pk: int) -> HttpResponse:
    """Put it away, take it back, or remove it where nobody ever used it."""
    audience, at = audience_of(request, pk), timezone.now()
    try:
        match request.POST.get("do"):
            case "restore":
                lists.restore(audience, by=request.user, at=at)
                messages.success(request, _("“%(name)s” is back.") % {"name": audience})
            case "delete":
                lists.delete(audience, by=request.user, at=at)
                messages.success(request, _("“%(name)s” is deleted.") % {"name": audience})
                return redirect("audiences", org=request.org.slug)
            case _:
                lists.archive(audience, by=request.user, at=at)
                messages.success(request, _("“%(name)s” is archived.") % {"name": audience})
    except lists.ListRefused as refused:
        messages.error(request, str(refused))
    return redirect("audience", org=request.org.slug, pk=pk)


@require_POST
@org_view("audience.upload")
def audience_use_anyway(request: OrgRequest, pk: int) -> HttpResponse:
    """Use a list of whose rows over half were rejected (A-23)."""
    audience = audience_of(request, pk)
    try:
        lists.use_anyway(audience, by=request.user, at=timezone.now())
    except lists.ListRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("“%(name)s” can be used now.") % {"name": audience})
    return redirect("audience", org=request.org.slug, pk=pk)
