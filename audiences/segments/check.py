"""What a tree must meet before it is saved: what it names exists in scope, and it is not too big to count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from django.utils.translation import gettext as _

from audiences.segments import sources
from audiences.segments.choices import Key, Source
from audiences.segments.frame import Frame
from audiences.segments.tree import Problem, Tree, TreeRefused, parse
from audiences.segments.values import Choice, Kind

# Conditions of a tree and of all filters that it names, directly or not.
HEAVIEST: Final = 200


def check(tree: Tree, frame: Frame) -> None:
    """Raise `TreeRefused` with everything that cannot be saved. A closed choice must exist; an unknown code is kept."""
    problems = [
        Problem(path, _("What was chosen here is not there any more. Choose again."))
        for path, source, keys in _named(tree)
        if source.strict and any(key not in frame.labels(source, keys) for key in keys)
    ]
    base = tree.base
    if base.unit is not None and base.unit not in frame.labels(sources.UNITS, [base.unit]):
        problems.append(Problem("base.unit", _("There is no such unit. Choose another.")))
    if any(pk not in frame.labels(sources.AUDIENCES, base.audiences) for pk in base.audiences):
        problems.append(Problem("base.audiences", _("An audience is not there any more. Choose again.")))
    if not problems and weight(tree, frame) > HEAVIEST:
        text = _("With the filters that it names, this one has over %(most)s conditions. Name fewer filters.")
        problems.append(Problem("", text % {"most": HEAVIEST}))
    if problems:
        raise TreeRefused(problems)


def unknown(tree: Tree, frame: Frame) -> dict[str, list[Key]]:
    """Codes that no row has (yet), by the place where they stand (A-30)."""
    found: dict[str, list[Key]] = {}
    for path, source, keys in _named(tree):
        if not source.strict:
            missing = [key for key in keys if key not in frame.labels(source, keys)]
            if missing:
                found[path] = missing
    return found


def weight(tree: Tree, frame: Frame, known: dict[int, int] | None = None) -> int:
    """How many conditions a count evaluates; stops counting when it is clearly too many."""
    seen: dict[int, int] = {} if known is None else known
    total = sum(1 for _condition in tree.conditions())
    for version in frame.versions(tree.audience_versions()):
        if total > HEAVIEST:
            break
        if version.tree is not None:
            if version.pk not in seen:
                seen[version.pk] = weight(parse(version.tree, frame), frame, seen)
            total += seen[version.pk]
    return total


def _named(tree: Tree) -> Iterator[tuple[str, Source, Sequence[Key]]]:
    for condition in tree.conditions():
        yield from _keys(f"{condition.path}.value", condition.field.kind, condition.value)
        for name, test in condition.where.items():
            yield from _keys(f"{condition.path}.where.{name}.value", test.facet.kind, test.value)


def _keys(path: str, kind: Kind, value: object) -> Iterator[tuple[str, Source, Sequence[Key]]]:
    if isinstance(kind, Choice) and isinstance(value, list):
        yield path, kind.source, value
