"""What a person left in the builder, kept by the server on every change (Q-36)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from audiences.models import Audience, FilterDraft
from engage.orgs.access import Access

MADE: Final = "made"
# The trees that can be brought back, the newest last.
BEFORE: Final = "before"
MOST_STEPS: Final = 30


def keep(
    access: Access, audience: Audience | None, sketch: dict[str, Any], *, start: dict[str, Any], at: datetime
) -> FilterDraft:
    """Store a sketch over what this person kept of the same filter before, and the former tree to undo to.

    `start` is the tree that the first change was made to.
    """
    former = kept(access, audience)
    tree, steps = (former.sketch["tree"], former.sketch.get(BEFORE, [])) if former else (start, [])
    if tree != sketch["tree"]:
        steps = [*steps, tree][-MOST_STEPS:]
    return _store(access, audience, sketch | {BEFORE: steps}, at=at)


def undo(
    access: Access, audience: Audience | None, sketch: dict[str, Any], *, at: datetime
) -> FilterDraft | None:
    """Bring the tree before the last change back into the sketch; None where there is none."""
    former = kept(access, audience)
    steps = former.sketch.get(BEFORE, []) if former else []
    if not steps:
        return None
    return _store(access, audience, sketch | {"tree": steps[-1], BEFORE: steps[:-1]}, at=at)


def _store(access: Access, audience: Audience | None, sketch: dict[str, Any], *, at: datetime) -> FilterDraft:
    draft, _ = FilterDraft.objects.for_org(access.org).update_or_create(
        org=access.org, user=access.user, audience=audience, defaults={"sketch": sketch, "saved_at": at}
    )
    return draft


def kept(access: Access, audience: Audience | None) -> FilterDraft | None:
    """What is left unfinished."""
    draft = FilterDraft.objects.for_org(access.org).filter(user=access.user, audience=audience).first()
    return draft if draft is not None and "tree" in draft.sketch else None


def forget(access: Access, audience: Audience | None) -> None:
    FilterDraft.objects.for_org(access.org).filter(user=access.user, audience=audience).delete()


def made_before(access: Access, token: str, *, at: datetime) -> int | None:
    """The audience that this very form made already: a second press of Save finds what the first one made.

    Locks the person's draft of a new filter, so that of two at once the second waits.
    """
    rows = FilterDraft.objects.for_org(access.org)
    rows.get_or_create(org=access.org, user=access.user, audience=None, defaults={"saved_at": at})
    draft = rows.select_for_update().get(user=access.user, audience=None)
    return draft.sketch.get(MADE) if draft.sketch.get("token") == token else None


def made(access: Access, token: str, audience: Audience, *, at: datetime) -> None:
    """Remember what a form made, in place of its draft."""
    _store(access, None, {"token": token, MADE: audience.pk}, at=at)
