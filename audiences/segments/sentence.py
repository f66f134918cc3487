"""A tree said in words (A-32): "Customers where city is Pune and not (bought anything in the last 30 days)"."""

from __future__ import annotations

from django.utils.translation import gettext as _

from audiences.segments import dates, sources
from audiences.segments.frame import Frame
from audiences.segments.tree import Base, Condition, Group, Test, Tree
from audiences.segments.values import BLANK, Choice, Did, listed


def say(tree: Tree, frame: Frame) -> str:
    """The whole tree as one sentence."""
    whom = say_base(tree.base, frame)
    blocks = [_block(block, frame, alone=len(tree.blocks) == 1) for block in tree.blocks]
    if not blocks:
        return f"{whom}."
    return _("%(whom)s where %(what)s.") % {"whom": whom, "what": _(" or ").join(blocks)}


def say_base(base: Base, frame: Frame) -> str:
    """From whom a filter starts (A-26)."""
    whom = {
        "both": _("Customers"),
        "members": _("Loyalty members"),
        "non_members": _("Customers outside the loyalty programme"),
    }[base.loyalty]
    if base.unit is not None:
        unit = frame.labels(sources.UNITS, [base.unit]).get(base.unit, base.unit)
        whom = _("%(whom)s of %(unit)s") % {"whom": whom, "unit": unit}
    if base.audiences:
        names = frame.labels(sources.AUDIENCES, base.audiences)
        shown = listed([names.get(pk, str(pk)) for pk in base.audiences])
        whom = _("%(whom)s in %(audiences)s") % {"whom": whom, "audiences": shown}
    if base == Base():
        return _("All customers")
    return whom


def _block(block: Group, frame: Frame, *, alone: bool) -> str:
    if block.exclude or not alone:
        return _group(block, frame)
    return _inner(block, frame)


def _group(group: Group, frame: Frame) -> str:
    inner = _inner(group, frame)
    if group.exclude:
        return _("not (%(what)s)") % {"what": inner}
    return f"({inner})" if len(group.items) > 1 else inner


def _inner(group: Group, frame: Frame) -> str:
    word = _(" and ") if group.match == "all" else _(" or ")
    return word.join(
        _group(item, frame) if isinstance(item, Group) else say_condition(item, frame) for item in group.items
    )


def say_condition(condition: Condition, frame: Frame) -> str:
    """One condition in words, with what narrows it."""
    kind = condition.field.kind
    if condition.operator in BLANK:
        words = f"{_subject(condition)} {condition.operator.label}"
    else:
        said = kind.say(condition.operator, condition.value, frame)
        words = said if isinstance(kind, Did) else f"{_subject(condition)} {said}"
    required = [test for test in condition.where.values() if test.facet.required]
    narrowing = [test for test in condition.where.values() if not test.facet.required]
    if required:
        words += f" ({', '.join(_chosen(test, frame) for test in required)})"
    if narrowing:
        words += _(" with ") + _(" and ").join(_test(test, frame) for test in narrowing)
    if condition.when is not None:
        words += f" {dates.say(condition.when.mode, condition.when.value, frame.settings)}"
    return _("not (%(what)s)") % {"what": words} if condition.exclude else words


def _subject(condition: Condition) -> str:
    """Labels of ours are written small inside a sentence; those that an org gave are left as they are."""
    if condition.field.phrase:
        return str(condition.field.phrase)
    label = str(condition.field.label)
    return label if ":" in condition.field.key else label[:1].lower() + label[1:]


def _test(test: Test, frame: Frame) -> str:
    """What narrows a condition, after "with": "category Tea", "bill amount that is at least $5"."""
    kind = test.facet.kind
    if isinstance(kind, Choice):
        other = "" if test.operator.key == "any_of" else _("other than ")
        return f"{test.facet.label} {other}{kind.named(test.value, frame)}"
    return _("%(what)s that %(is)s") % {
        "what": test.facet.label,
        "is": kind.say(test.operator, test.value, frame),
    }


def _chosen(test: Test, frame: Frame) -> str:
    """A required facet reads as its option alone."""
    kind = test.facet.kind
    assert isinstance(kind, Choice)
    return kind.named(test.value, frame)
