"""The filter builder's page: every button posts the whole form; htmx only puts the answer in place (A-31 to A-36)."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from audiences import lists, usage
from audiences.builder import drafts, rows
from audiences.builder.desk import Desk
from audiences.models import Audience
from audiences.segments import counting
from audiences.segments.counting import TooSlow
from audiences.segments.tree import TreeRefused
from engage.orgs.doors import OrgRequest, org_view

RIGHT: Final = "audience.create"


@org_view(RIGHT)
def new_filter(request: OrgRequest) -> HttpResponse:
    return _answer(request, None)


@org_view(RIGHT)
def edit_filter(request: OrgRequest, pk: int) -> HttpResponse:
    visible = Audience.objects.for_org(request.org).visible_to(request.access)
    audience = get_object_or_404(visible.select_related("current", "unit"), pk=pk)
    if audience.kind != Audience.Kind.FILTER or audience.archived_at is not None:
        raise Http404
    return _answer(request, audience)


def _answer(request: OrgRequest, audience: Audience | None) -> HttpResponse:
    desk = Desk(request, audience, timezone.now())
    if request.method != "POST":
        desk.open()
        return _page(desk)
    if request.POST.get("act") == "forget":
        drafts.forget(request.access, audience)
        return redirect(request.path)
    desk.take()
    if request.POST.get("act") == "save":
        return _save(desk)
    desk.keep()
    if request.htmx and desk.found:
        (name,) = desk.found
        return render(
            request, "audiences/_values_answer.html", {"widget": _searched(desk, name), "desk": desk}
        )
    if request.htmx:
        whole = request.htmx.target == "filter"
        template = "audiences/_filter_answer.html" if whole else "audiences/_filter_counted.html"
        return render(request, template, desk.context() | {"oob": True})
    return _page(desk)


def _page(desk: Desk, *, status: int = 200, **more: Any) -> HttpResponse:
    return render(desk.request, "audiences/builder.html", desk.context() | more, status=status)


def _searched(desk: Desk, name: str) -> Any:
    """The control whose values are searched for."""
    drawn = rows.Desk(desk.frame, found=desk.found)
    widgets = [drawn.base_audiences(desk.sketch), *rows.widgets(drawn.blocks(desk.sketch))]
    return next((widget for widget in widgets if widget.name == name), None)


def _save(desk: Desk) -> HttpResponse:
    """Save the filter, or show what is missing and move there (A-34): no button is dead."""
    request = desk.request
    if desk.audience is None:
        before = drafts.made_before(request.access, desk.token, at=desk.at)
        if before is not None:
            return redirect("audience", org=request.org.slug, pk=before)
    try:
        saved = _saved(desk)
    except TreeRefused:
        return _incomplete(desk)
    except lists.Stale as stale:
        desk.keep()
        return _show_both(desk, str(stale))
    except lists.ListRefused:
        return _incomplete(desk)
    if desk.audience is None:
        drafts.made(request.access, desk.token, saved, at=desk.at)
    else:
        drafts.forget(request.access, desk.audience)
    _count(desk, saved)
    messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
    _tell_users(desk, saved)
    return redirect("audience", org=request.org.slug, pk=saved.pk)


def _incomplete(desk: Desk) -> HttpResponse:
    desk.keep()
    desk.show_problems = True
    return _page(desk, status=422)


def _saved(desk: Desk) -> Audience:
    access, settings = desk.request.access, desk.request.settings
    if desk.audience is None:
        return lists.create_filter(
            access, settings, name=desk.name, unit=desk.unit, data=desk.sketch, at=desk.at
        )
    return lists.revise_filter(
        access, settings, desk.audience, name=desk.name, data=desk.sketch, seen=desk.revision, at=desk.at
    )


def _tell_users(desk: Desk, saved: Audience) -> None:
    """Who edits a used audience is told which messages keep the former version (A-43)."""
    if saved.current is None:
        return
    uses = usage.of(desk.request.org, [saved.pk])[saved.pk]
    behind = [use.name for use in uses if use.pinned is not None and use.pinned != saved.current.number]
    if behind:
        text = _("These keep the version they were submitted with, and can be moved below: %(names)s.")
        messages.info(desk.request, text % {"names": ", ".join(behind)})


def _count(desk: Desk, saved: Audience) -> None:
    """The list shows a size at once where it is quickly known; else the page offers to count."""
    if saved.current is not None:
        try:
            with counting.patience(counting.PATIENCE):
                lists.count(saved.current, desk.request.settings, at=desk.at)
        except TooSlow:
            messages.info(desk.request, _("It is large: count it on its page."))


def _show_both(desk: Desk, text: str) -> HttpResponse:
    """Somebody saved a newer version: it is said beside this one, and saving again means it."""
    assert desk.audience is not None
    rows_of_org = Audience.objects.for_org(desk.request.org).select_related("current")
    newest = rows_of_org.get(pk=desk.audience.pk)
    desk.revision = newest.revision
    theirs = lists.said(newest.current, desk.frame) if newest.current else ""
    return _page(desk, status=409, stale=text, newest=newest, theirs=theirs)
