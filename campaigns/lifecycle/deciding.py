"""Approval and rejection: bound to what was read, by someone who did not write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from campaigns import difference, editors, holding, mails, schedule, versions
from campaigns.body import Body
from campaigns.difference import Section
from campaigns.lifecycle import engine
from campaigns.lifecycle.engine import MoveRefused
from campaigns.lifecycle.moves import Action, Status
from campaigns.models import Campaign, Message, MessageVersion
from campaigns.situation import Situation
from engage.orgs.access import NotAllowed
from engage.orgs.models import User

Decision = MessageVersion.Decision
REASON_LENGTH = (10, 1000)


class Changed(MoveRefused):
    """What the approver read is not what would be sent. `sections` says where it differs from what was submitted."""

    def __init__(self, sections: list[Section]) -> None:
        super().__init__("The message changed while you were reading it. Look again before approving.")
        self.sections = sections


class MissedSchedule(MoveRefused):
    """Approved too late: its time and the grace have passed (C-27)."""


def approve(message: Message, *, by: User, seen: str, at: datetime, targeted: int | None = None) -> Message:
    """Awaiting approval → Scheduled, if the message still has the hash that `by` saw (C-29).

    `targeted` is the count at this moment, which the start guard compares with (C-39); None keeps the submitted one.
    Raises `MoveRefused` (`Changed` with the difference, `MissedSchedule` after mailing both sides), `NotAllowed`.
    """
    try:
        with transaction.atomic():
            now = engine.lock(message, by=by, at=at, campaign_too=True)
            return _approve(now, seen, targeted)
    except MissedSchedule:
        # Written outside the savepoint that the refusal rolled back.
        mails.missed(message, at=at)
        raise


def _approve(now: Situation, seen: str, targeted: int | None) -> Message:
    engine.decide(now, Action.APPROVE)
    message, at = now.message, now.at
    if is_too_late(now):
        raise MissedSchedule(
            f"“{message}” missed its schedule: the time and the grace of {now.settings.missed_grace_minutes} minutes "
            "have passed. Its author can reschedule and submit it again."
        )
    version = _as_seen(now, seen)
    wrote = now.by is not None and now.by.pk in editors.since_last_approval(message)
    version.decision, version.decided_by, version.decided_at = Decision.APPROVED, now.by, at
    version.self_approved = wrote
    version.targeted = version.targeted if targeted is None else targeted
    version.save()
    editors.settle(message, version)
    if now.by is not None:
        holding.hold(message, version, now.settings, by=now.by, at=at)
    if now.campaign.first_approved_at is None:
        Campaign.objects.for_org(message.org_id).filter(pk=now.campaign.pk).update(first_approved_at=at)
    due_at, hold_until = schedule.launch(message, now.campaign, now.settings, at=at)
    approved = engine.make(
        now,
        Action.APPROVE,
        Status.SCHEDULED,
        approved_version=version,
        approved_count=version.targeted,
        due_at=due_at,
        hold_until=hold_until,
    )
    mails.approved(now, version)
    return approved


def is_too_late(now: Situation) -> bool:
    planned = schedule.planned_at(now.message)
    grace = timedelta(minutes=now.settings.missed_grace_minutes)
    return planned is not None and planned + grace < now.at


def _as_seen(now: Situation, seen: str) -> MessageVersion:
    """The version to approve: the submitted one, or a new one where something beneath it changed and was seen so."""
    version = versions.waiting(now.message)
    body = versions.build(now.message, now.campaign, now.settings)
    if versions.hash_of(body) != seen:
        raise Changed(difference.between(Body.parse(version.body), body))
    if version.hash == seen:
        return version
    version.decision = Decision.WITHDRAWN
    version.save(update_fields=["decision"])
    return versions.write(
        now.message, now.campaign, now.settings, by=version.submitted_by, at=now.at, targeted=version.targeted
    )


@transaction.atomic
def reject(message: Message, *, by: User, reason: str, at: datetime) -> Message:
    """Awaiting approval → Rejected, with a reason of 10 to 1,000 characters that is mailed and kept (C-32)."""
    shortest, longest = REASON_LENGTH
    reason = reason.strip()
    if not shortest <= len(reason) <= longest:
        raise MoveRefused(
            f"Say why, in {shortest} to {longest:,} characters, so that the author knows what to do."
        )
    now = engine.lock(message, by=by, at=at)
    engine.decide(now, Action.REJECT)
    version = versions.waiting(now.message)
    version.decision, version.decided_by, version.decided_at = Decision.REJECTED, by, at
    version.reason = reason
    version.save()
    versions.unpin(now.message)
    rejected = engine.make(now, Action.REJECT, Status.REJECTED, reason=reason)
    mails.rejected(now, version)
    return rejected


@dataclass
class Tried:
    """What became of a decision on many messages: those it took, and the others with the reason (C-33)."""

    done: list[Message] = field(default_factory=list)
    refused: list[tuple[Message, str]] = field(default_factory=list)


@transaction.atomic
def approve_all(
    messages: Iterable[Message],
    *,
    by: User,
    seen: Mapping[int, str],
    at: datetime,
    targeted: Mapping[int, int] | None = None,
) -> Tried:
    """Approve each with the hash that was shown for it; one refusal does not hold up the others."""
    tried = Tried()
    for message in _all_locked(messages):
        try:
            count = (targeted or {}).get(message.pk)
            tried.done.append(approve(message, by=by, seen=seen.get(message.pk, ""), at=at, targeted=count))
        except (MoveRefused, NotAllowed) as refused:
            tried.refused.append((message, str(refused)))
    return tried


def reject_all(messages: Iterable[Message], *, by: User, reason: str, at: datetime) -> Tried:
    """Reject each with one reason for all."""
    tried = Tried()
    for message in _all_locked(messages):
        try:
            tried.done.append(reject(message, by=by, reason=reason, at=at))
        except (MoveRefused, NotAllowed) as refused:
            tried.refused.append((message, str(refused)))
    return tried


def _all_locked(messages: Iterable[Message]) -> list[Message]:
    """All rows locked in one order first: the first audit line locks the org's head until commit (`engine`)."""
    wanted = list(messages)
    if not wanted:
        return []
    org_id = wanted[0].org_id
    campaigns = sorted({message.campaign_id for message in wanted})
    list(
        Campaign.objects.for_org(org_id)
        .select_for_update(no_key=True)
        .filter(pk__in=campaigns)
        .order_by("pk")
    )
    rows = Message.objects.for_org(org_id).select_for_update(no_key=True)
    return list(rows.filter(pk__in=[message.pk for message in wanted]).order_by("pk"))
