"""Keeping an org's reply words: one row a language (H-38)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from channels.models import ReplyWords
from engage.orgs import audit
from engage.orgs.models import User


@transaction.atomic
def save(words: ReplyWords, *, by: User, at: datetime) -> None:
    """Store a language's words in place of those it had."""
    rows = ReplyWords.objects.for_org(words.org_id)
    former = rows.select_for_update().filter(language=words.language).first()
    before = _said(former) if former else None
    if former is not None:
        words.pk = former.pk
    words.save()
    audit.record(
        words.org_id, "reply_words.saved", by=by, at=at, target=words, before=before, after=_said(words)
    )


@transaction.atomic
def remove(words: ReplyWords, *, by: User, at: datetime) -> None:
    audit.record(words.org_id, "reply_words.removed", by=by, at=at, target=words, before=_said(words))
    words.delete()


def _said(words: ReplyWords) -> dict[str, str]:
    return {
        name: str(getattr(words, name)) for name in ("language", "opt_out", "opt_in", "help", "help_text")
    }
