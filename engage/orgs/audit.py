"""Writing and checking the audit trail: one hash chain an org (T-31, T-32).

Each entry's hash covers its content and the hash before it, so that a changed, removed, inserted or reordered entry
breaks the chain at a place that `verify` names. The serving role can only append.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import models, transaction

from engage.orgs.models import AuditEntry, AuditHead, Org, User
from engage.orgs.tenancy import org_pk

_address: ContextVar[str] = ContextVar("audit_address", default="")


@contextmanager
def from_address(address: str) -> Iterator[None]:
    """Entries written inside carry this client address; the door of a request opens it."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


def _digest(entry: AuditEntry) -> str:
    content = {
        "org": entry.org_id,
        "seq": entry.seq,
        "at": entry.at.astimezone(UTC).isoformat(),
        "actor": [entry.actor_id, entry.actor_name],
        "address": entry.address,
        "action": entry.action,
        "object": [entry.object_kind, entry.object_id, entry.object_name],
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
        "previous": entry.previous_hash,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def record(
    org: Org | int,
    action: str,
    *,
    by: User | None,
    at: datetime,
    target: models.Model | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Append one entry; `by` None is the system. Locks the org's head, so write it late in a transaction.

    `before` and `after` are JSON; reference personal data by id, never copy it.
    """
    org_id = org_pk(org)
    head = AuditHead.objects.for_org(org_id).select_for_update().first()
    if head is None:
        AuditHead.objects.bulk_create([AuditHead(org_id=org_id)], ignore_conflicts=True)
        head = AuditHead.objects.for_org(org_id).select_for_update().get()
    entry = AuditEntry(
        org_id=org_id,
        seq=head.seq + 1,
        at=at,
        actor_id=by.pk if by else None,
        actor_name=str(by)[:120] if by else "system",
        address=_address.get(),
        action=action,
        object_kind=target._meta.model_name or "" if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
        object_name=str(target)[:200] if target is not None else "",
        before=before,
        after=after,
        reason=reason[:1000],
        previous_hash=head.hash,
    )
    entry.hash = _digest(entry)
    entry.save(force_insert=True)
    head.seq, head.hash = entry.seq, entry.hash
    head.save(update_fields=["seq", "hash"])
    return entry


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: how many entries were read, and the first bad one, if any."""

    entries: int
    bad_seq: int | None = None
    problem: str = ""


def verify(org: Org) -> Verdict:
    """Walk the org's chain from its first entry and name the first one that does not fit."""
    previous, expected = "", 1
    for entry in AuditEntry.objects.for_org(org).order_by("seq").iterator(chunk_size=1000):
        if entry.seq != expected:
            return Verdict(expected - 1, expected, f"entry {expected} is missing")
        if entry.previous_hash != previous or entry.hash != _digest(entry):
            return Verdict(expected, expected, f"entry {expected} was changed after it was written")
        previous, expected = entry.hash, expected + 1
    head = AuditHead.objects.for_org(org).first()
    if head and (head.seq != expected - 1 or head.hash != previous):
        return Verdict(expected - 1, expected, f"entries after {expected - 1} were removed")
    return Verdict(expected - 1)


def history(target: models.Model, org: Org | int) -> models.QuerySet[AuditEntry]:
    """The slice of the trail that concerns one object, newest first (T-33)."""
    return AuditEntry.objects.for_org(org).filter(
        object_kind=target._meta.model_name or "", object_id=str(target.pk)
    )
