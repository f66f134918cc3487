"""What somebody typed into a form and has not saved (C-01, Q-36), and what they did once already."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from campaigns.models import FormDraft
from engage.orgs.access import Access

_REMEMBERED: Final = timedelta(days=2)


def keep(access: Access, form: str, fields: Mapping[str, Any], *, at: datetime) -> FormDraft:
    """Store the fields as typed, over what this person kept of the same form before."""
    draft, _ = FormDraft.objects.for_org(access.org).update_or_create(
        org=access.org, user=access.user, form=form, defaults={"fields": dict(fields), "saved_at": at}
    )
    return draft


def kept(access: Access, form: str) -> FormDraft | None:
    return FormDraft.objects.for_org(access.org).filter(user=access.user, form=form).first()


def forget(access: Access, form: str) -> None:
    FormDraft.objects.for_org(access.org).filter(user=access.user, form=form).delete()


def once(access: Access, deed: str, *, at: datetime) -> tuple[FormDraft, bool]:
    """Whether this person does this for the first time: a second press of a button finds what the first one made.

    Of two at once the second waits for the first's commit, at the unique key. What came of it belongs into `fields`.
    """
    mine = FormDraft.objects.for_org(access.org).filter(user=access.user)
    mine.filter(form__startswith="once:", saved_at__lt=at - _REMEMBERED).delete()
    return mine.get_or_create(
        org=access.org, user=access.user, form=f"once:{deed}"[:40], defaults={"saved_at": at}
    )


def done_once(access: Access, deed: str) -> bool:
    """Whether `once` has seen it."""
    return kept(access, f"once:{deed}"[:40]) is not None


def new_token() -> str:
    """Stands in a form, so that sending it twice is one deed."""
    return uuid4().hex[:16]
