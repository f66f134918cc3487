"""The filter builder's page: every button posts the whole form; htmx only puts the answer in place (A-31 to A-36)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from audiences import lists, usage
from audiences.builder import acts, drafts, rows, sketch
from audiences.builder.sketch import Sketch
from audiences.models import Audience
from audiences.segments import counting, sentence, tree
from audiences.segments.check import check, unknown
from audiences.segments.counting import Count, TooSlow
from audiences.segments.frame import Frame
from audiences.segments.tree import Problem, Tree, TreeRefused
from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.models import OrgUnit

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


@dataclass
class Desk:
    """One request of the builder: the sketch with the form's own fields, and what is found about it."""

    request: OrgRequest
    audience: Audience | None
    at: datetime
    name: str = ""
    unit: OrgUnit | None = None
    token: str = ""
    sketch: Sketch = field(default_factory=sketch.empty)
    saved_at: datetime | None = None
    problems: list[Problem] = field(default_factory=list)
    show_problems: bool = False
    focus: str = ""
    found: dict[str, str] = field(default_factory=dict)
    revision: int = 0

    def __post_init__(self) -> None:
        self.frame = Frame(self.request.org, self.request.settings, self.at, self.request.access)
        self.revision = self.audience.revision if self.audience else 0

    def open(self) -> None:
        """As it was left unfinished, as it is saved, or empty."""
        access, audience = self.request.access, self.audience
        draft = drafts.kept(access, audience)
        if audience is not None:
            self.name, self.unit = audience.name, audience.unit
            if audience.current is not None and audience.current.tree is not None:
                self.sketch = sketch.of(audience.current.tree)
        elif not access.whole_org:
            self.unit = self.units()[0]
        self.token = uuid4().hex
        if draft is not None:
            self.sketch, self.saved_at = draft.sketch["tree"], draft.saved_at
            self.name, self.token = draft.sketch["name"], draft.sketch["token"]
            self.revision = draft.sketch["revision"]
            self.unit = self._unit(draft.sketch["unit"]) if audience is None else audience.unit
        self._start_from_own_unit()

    def take(self) -> None:
        """What was posted."""
        post = self.request.POST
        self.name, self.token = post.get("name", "")[:200], post.get("token", "")[:40]
        self.unit = self._unit(post.get("unit", "")) if self.audience is None else self.audience.unit
        self.revision = int(post["revision"]) if post.get("revision", "").isdecimal() else self.revision
        self.sketch = sketch.read(post, self.frame)
        self._start_from_own_unit()
        verb, _colon, at = post.get("act", "").partition(":")
        if verb in {"find", "paste"}:
            self.found = {at: post.get(f"{at}.find", "")} if verb == "find" else {}
        else:
            self.focus = acts.act(self.sketch, post.get("act", ""))

    def _start_from_own_unit(self) -> None:
        """A unit's filter starts from its own customers (T-05)."""
        if self.unit is not None:
            self.sketch["base"]["unit"] = self.unit.code

    def _unit(self, pk: str) -> OrgUnit | None:
        units = self.units()
        chosen = next((unit for unit in units if str(unit.pk) == str(pk)), None)
        return chosen or (None if self.request.access.whole_org else units[0])

    def units(self) -> list[OrgUnit]:
        """The units for which this person may create (T-08)."""
        units = OrgUnit.objects.for_org(self.request.org)
        access = self.request.access
        return list(units if access.whole_org else units.filter(pk__in=access.unit_ids))

    def keep(self) -> None:
        """Store the sketch as it is."""
        stored = {
            "tree": self.sketch,
            "name": self.name,
            "unit": self.unit.pk if self.unit else None,
            "token": self.token,
            "revision": self.revision,
        }
        self.saved_at = drafts.keep(self.request.access, self.audience, stored, at=self.at).saved_at

    def readable(self) -> Tree | None:
        """What can be counted: complete conditions that name only what this person may see."""
        read, self.problems = tree.read(self.sketch, self.frame)
        try:
            check(read, self.frame)
        except TreeRefused as refused:
            self.problems += refused.problems
            return None
        return read

    def counted(self, read: Tree | None) -> Count | None:
        exactly = self.request.POST.get("act") == "exactly"
        try:
            return counting.count(read, self.frame, exactly=exactly) if read is not None else None
        except TooSlow:
            return None

    def context(self) -> dict[str, Any]:
        read = self.readable()
        count = self.counted(read)
        shown = self.problems if self.show_problems else []
        if self.show_problems and not self.focus:
            self.focus = rows.first_fault(self.problems)
        drawn = rows.Desk(self.frame, count=count, problems=shown, focus=self.focus, found=self.found)
        blocks = drawn.blocks(self.sketch)
        missing = unknown(read, self.frame) if read is not None else {}
        return {
            "audience": self.audience,
            "desk": self,
            "blocks": blocks,
            "counts": rows.counts(blocks),
            "base": self.sketch["base"],
            "owners": self.units(),
            "base_units": [unit for unit in self.units() if self.unit in (None, unit)],
            "whole_org": self.request.access.whole_org,
            "base_audiences": drawn.base_audiences(self.sketch),
            "base_problems": drawn.problems.get("", []),
            "loyalties": tree.LOYALTIES,
            "catalogue": drawn.fields(),
            "count": count,
            "too_slow": count is None and read is not None,
            "words": sentence.say(read, self.frame) if read is not None else "",
            "incomplete": bool(self.problems),
            "unknown": sorted({str(key) for keys in missing.values() for key in keys}),
            "uses": usage.of(self.request.org, [self.audience.pk])[self.audience.pk] if self.audience else [],
        }


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
        return render(request, "audiences/_values.html", {"widget": _searched(desk, name)})
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
        desk.keep()
        desk.show_problems = True
        return _page(desk, status=422)
    except lists.Stale as stale:
        desk.keep()
        return _show_both(desk, str(stale))
    except lists.ListRefused as refused:
        desk.keep()
        return _page(desk, status=422, name_problem=str(refused))
    if desk.audience is None:
        drafts.made(request.access, desk.token, saved, at=desk.at)
    else:
        drafts.forget(request.access, desk.audience)
    _count(desk, saved)
    messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
    return redirect("audience", org=request.org.slug, pk=saved.pk)


def _saved(desk: Desk) -> Audience:
    access, settings = desk.request.access, desk.request.settings
    if desk.audience is None:
        return lists.create_filter(
            access, settings, name=desk.name, unit=desk.unit, data=desk.sketch, at=desk.at
        )
    return lists.revise_filter(
        access, settings, desk.audience, name=desk.name, data=desk.sketch, seen=desk.revision, at=desk.at
    )


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
