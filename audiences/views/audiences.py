"""The audience list and an audience's page (A-45, A-46)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from audiences import lists, usage
from audiences.models import Audience
from engage.orgs import audit
from engage.orgs.doors import OrgRequest, org_view

PAGE = 50


@org_view("audience.view")
def audience_list(request: OrgRequest) -> HttpResponse:
    """By name, kind and whether put away; the newest first."""
    found = Audience.objects.for_org(request.org).visible_to(request.access)
    archived = request.GET.get("archived") == "1"
    found = found.filter(archived_at__isnull=not archived)
    if asked := request.GET.get("q", "").strip():
        found = found.filter(name__icontains=asked)
    if (kind := request.GET.get("kind", "")) in Audience.Kind.values:
        found = found.filter(kind=kind)
    page = int(request.GET["page"]) if request.GET.get("page", "").isdigit() else 0
    rows = list(
        found.select_related("current", "unit", "created_by").order_by("-updated_at", "-pk")[
            page * PAGE : page * PAGE + PAGE + 1
        ]
    )
    context = {
        "rows": rows[:PAGE],
        "next": page + 1 if len(rows) > PAGE else None,
        "page": page,
        "asked": request.GET,
        "kinds": Audience.Kind.choices,
        "archived": archived,
    }
    template = "audiences/_audiences.html" if request.htmx else "audiences/audiences.html"
    return render(request, template, context)


@org_view("audience.view")
def audience_page(request: OrgRequest, pk: int) -> HttpResponse:
    audience = get_object_or_404(
        Audience.objects.for_org(request.org).visible_to(request.access).select_related("current", "unit"),
        pk=pk,
    )
    at = timezone.now()
    current = audience.current
    context = {
        "audience": audience,
        "words": lists.said(current, request.settings, at=at) if current else "",
        "versions": audience.versions.for_org(request.org)
        .filter(number__gt=0)  # below zero: held for an approval
        .select_related("created_by")
        .order_by("-number")[:20],
        "uses": usage.of(request.org, [audience.pk])[audience.pk],
        "history": audit.history(audience, request.org)[:20],
    }
    return render(request, "audiences/audience.html", context)


@require_POST
@org_view("audience.view")
def audience_count(request: OrgRequest, pk: int) -> HttpResponse:
    """Count exactly, now."""
    audience = get_object_or_404(
        Audience.objects.for_org(request.org).visible_to(request.access).select_related("current__org"), pk=pk
    )
    if audience.current is None:
        messages.error(request, "It is still being read.")
    else:
        lists.count(audience.current, request.settings, at=timezone.now())
        messages.success(request, "Counted.")
    return redirect("audience", org=request.org.slug, pk=pk)


@require_POST
@org_view("audience.create")
def audience_archive(request: OrgRequest, pk: int) -> HttpResponse:
    """Put it away, or take it back."""
    audience = get_object_or_404(Audience.objects.for_org(request.org).visible_to(request.access), pk=pk)
    try:
        if request.POST.get("do") == "restore":
            lists.restore(audience, by=request.user, at=timezone.now())
            messages.success(request, f"“{audience}” is back.")
        else:
            lists.archive(audience, by=request.user, at=timezone.now())
            messages.success(request, f"“{audience}” is archived.")
    except lists.ListRefused as refused:
        messages.error(request, str(refused))
    return redirect("audience", org=request.org.slug, pk=pk)
