"""One request of the filter builder: what was typed, what is kept of it, what is found about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from audiences import lists, usage
from audiences.builder import acts, drafts, rows, sketch
from audiences.builder.sketch import Sketch
from audiences.builder.widgets import fault
from audiences.models import Audience, FilterDraft
from audiences.segments import counting, sentence, tree
from audiences.segments.check import check, unknown
from audiences.segments.counting import Count, TooSlow
from audiences.segments.frame import Frame
from audiences.segments.tree import Problem, Tree, TreeRefused
from engage.orgs.doors import OrgRequest
from engage.orgs.models import OrgUnit


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
    undoable: bool = False
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
        elif not access.whole_org:
            self.unit = self.units()[0]
        self.token = uuid4().hex
        if draft is None:
            self.sketch = self.saved_tree()
            return
        self._show(draft)
        self.name, self.token = draft.sketch["name"], draft.sketch["token"]
        self.revision = draft.sketch["revision"]
        self.unit = self._unit(draft.sketch["unit"]) if audience is None else audience.unit
        self._of_own_unit(self.sketch)

    def take(self) -> None:
        """What was posted."""
        post = self.request.POST
        self.name, self.token = post.get("name", "")[:200], post.get("token", "")[:40]
        self.unit = self._unit(post.get("unit", "")) if self.audience is None else self.audience.unit
        revision = post.get("revision", "")
        self.revision = int(revision) if revision.isdecimal() and len(revision) < 10 else self.revision
        self.sketch = self._of_own_unit(sketch.read(post, self.frame))
        verb, _colon, at = post.get("act", "").partition(":")
        if verb in {"find", "paste"}:
            self.found = {at: post.get(f"{at}.find", "")} if verb == "find" else {}
        else:
            self.focus = acts.act(self.sketch, post.get("act", ""))

    def _of_own_unit(self, tree: Sketch) -> Sketch:
        """A unit's filter starts from its own customers (T-05)."""
        if self.unit is not None:
            tree["base"]["unit"] = self.unit.code
        return tree

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
        """Store the sketch as it is, or as it was before the last change."""
        access, audience = self.request.access, self.audience
        stored = {
            "tree": self.sketch,
            "name": self.name,
            "unit": self.unit.pk if self.unit else None,
            "token": self.token,
            "revision": self.revision,
        }
        if self.request.POST.get("act") == "undo":
            draft = drafts.undo(access, audience, stored, at=self.at)
        else:
            draft = drafts.keep(access, audience, stored, start=self.saved_tree(), at=self.at)
        if draft is not None:
            self._show(draft)

    def _show(self, draft: FilterDraft) -> None:
        self.sketch, self.saved_at = draft.sketch["tree"], draft.saved_at
        self.undoable = bool(draft.sketch.get(drafts.BEFORE))

    def saved_tree(self) -> Sketch:
        """What the first change was made to."""
        if self.audience is None or self.audience.current is None or self.audience.current.tree is None:
            return self._of_own_unit(sketch.empty())
        return self._of_own_unit(sketch.of(self.audience.current.tree))

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
        """What the templates show."""
        read = self.readable()
        count = self.counted(read)
        shown = self.problems if self.show_problems else []
        name_problem = lists.name_problem(self.name) if self.show_problems else ""
        if self.show_problems and not name_problem:
            self.focus = rows.first_fault(self.problems)
        drawn = rows.Desk(self.frame, count=count, problems=shown, focus=self.focus, found=self.found)
        blocks = drawn.blocks(self.sketch)
        missing = unknown(read, self.frame) if read is not None else {}
        return {
            "audience": self.audience,
            "desk": self,
            "name_problem": name_problem,
            "name_attributes": fault("name" if name_problem else "") | {"autofocus": bool(name_problem)},
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
            "incomplete": bool(self.problems) and self.sketch["blocks"] != sketch.empty()["blocks"],
            "unknown": sorted({str(key) for keys in missing.values() for key in keys}),
            "uses": usage.of(self.request.org, [self.audience.pk])[self.audience.pk] if self.audience else [],
        }
