"""What must hold for a move. A guard says why not, in words fit for the user, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.db.models import F

from campaigns import editors
from campaigns.models import Campaign, Chunk, Message
from campaigns.situation import Situation
from engage.orgs.models import Fence

# Ops may continue after these; every other cause is an approver's to judge.
TECHNICAL: Final = frozenset({"sender_down", "failure_rate", "disarmed"})


Guard = Callable[[Situation], str | None]


def unlapsed(now: Situation) -> str | None:
    if now.campaign.status(now.settings.today(now.at)) == Campaign.Status.LAPSED:
        return "The campaign is over. Extend its end date first, or duplicate it."
    return None


def live(now: Situation) -> str | None:
    today = now.settings.today(now.at)
    if now.campaign.status(today) == Campaign.Status.LIVE:
        return None
    return unlapsed(now) or "The campaign has not started yet."


def campaign_over(now: Situation) -> str | None:
    return None if unlapsed(now) else "The campaign is not over yet."


def four_eyes(now: Situation) -> str | None:
    if now.by is None or now.settings.self_approval:
        return None
    if now.by.pk in editors.since_last_approval(now.message):
        return "You edited this message since it was last approved. Someone who did not write it must approve it."
    return None


def no_open_run(now: Situation) -> str | None:
    return "A run of this message is open. Stop it first." if open_run_of(now.message) else None


def open_run_of(message: Message) -> bool:
    return message.run is not None and message.run.finished_at is None


def is_due(now: Situation) -> str | None:
    due_at, hold_until = now.message.due_at, now.message.hold_until
    if due_at is None or now.at < due_at:
        return "It is not due yet."
    if hold_until is not None and now.at < hold_until:
        return "It is held for 60 seconds, so that it can be undone."
    return None


def armed(now: Situation) -> str | None:
    if now.settings.sending_halted_at is not None:
        return "Sending is halted for this organisation. Arm it again first."
    if Fence.objects.filter(armed=False).exists():
        return "Sending is off on this installation until an operator arms it."
    return None


def recurring(now: Situation) -> str | None:
    return None if now.message.recurring else "Only a recurring message can do this."


def one_off(now: Situation) -> str | None:
    return (
        "A recurring message follows its rule; stop and edit it instead." if now.message.recurring else None
    )


def nothing_begun(now: Situation) -> str | None:
    """Whether no hand-over of the message's run can have begun: nothing was ever announced."""
    run_id = now.message.run_id
    announced = Chunk.objects.for_org(now.message.org_id).filter(run_id=run_id, intent_hi__gte=F("first_seq"))  # type: ignore[misc]  # never None here
    begun = run_id is not None and announced.exists()
    return "Some of it has been handed over already." if begun else None


def technical_cause(now: Situation) -> str | None:
    if now.message.status_reason in TECHNICAL:
        return None
    return "Its cause is not a technical one: someone who may approve the message must decide."


# What a message can never meet, whatever happens: its kind is not the move's.
OF_KIND: Final = frozenset({recurring, one_off})
