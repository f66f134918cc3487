"""Where a tracked link leads for a customer: exactly what was approved, with the values that were frozen (H-20)."""

from __future__ import annotations

from functools import lru_cache

from campaigns import versions
from campaigns.body import Body
from campaigns.models import Link, MessageVersion, Recipient, Run
from channels.merge import ContentRefused
from channels.rendering import Compiled, Values
from channels.tokens import LedgerKey


def target_of(run: Run, key: LedgerKey, link: int) -> str | None:
    """The address behind a link of a delivery; None where the message has no such link. Call inside the org's context.

    The content of a version never changes, so it is compiled once a process.
    """
    content = _compiled(run.org_id, run.version_id)
    if content is None:
        return _plain_target(run, link)
    if not 0 <= link < len(content.links):
        return None
    found = content.links[link]
    needs_values = any(piece.slot and piece.slot.constant is None for piece in found.pieces)
    values = _values(run, key) if needs_values else []
    missing = len(content.slots) - len(values)
    return found.target([*values, *[None] * missing], content.slots) or None


@lru_cache(maxsize=128)
def _compiled(org_id: int, version_id: int) -> Compiled | None:
    """None where the content does not compile any more, because a tag it uses was deleted since."""
    version = MessageVersion.objects.for_org(org_id).select_related("message__org").get(pk=version_id)
    body = Body.parse(version.body)
    try:
        return versions.compile_one(version.message, body.contents[0], body)
    except ContentRefused:
        return None


def _values(run: Run, key: LedgerKey) -> Values:
    """None are left after erasure, or when the queue's month was dropped: the tags' fallbacks stand in for them."""
    rows = Recipient.objects.for_org(run.org_id).filter(run_on=run.run_on, run_id=run.pk, seq=key.seq)
    return rows.values_list("values", flat=True).first() or []


def _plain_target(run: Run, link: int) -> str | None:
    links = Link.objects.for_org(run.org_id).filter(version_id=run.version_id, number=link)
    target = links.values_list("target", flat=True).first()
    return None if target is None or "{{" in target else target
