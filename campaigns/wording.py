"""A state in words, for every page: its chip, and the line "why, what next" (C-19)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext, ngettext

from campaigns import causes
from campaigns.models import Campaign, Message
from campaigns.progress import Progress
from engage.orgs import formatting
from engage.orgs.models import OrgSettings

Status = Message.Status


@dataclass(frozen=True)
class Look:
    """How a chip shows a state. The icon repeats what the colour says."""

    tone: str
    icon: str


LOOKS: Final[dict[str, Look]] = {
    Status.DRAFT: Look("plain", "pencil-square"),
    Status.AWAITING: Look("warn", "clock"),
    Status.REJECTED: Look("bad", "x-circle"),
    Status.SCHEDULED: Look("info", "calendar"),
    Status.PREPARING: Look("live", "cog-6-tooth"),
    Status.SENDING: Look("live", "paper-airplane"),
    Status.PAUSED: Look("warn", "pause-circle"),
    Status.BLOCKED: Look("bad", "exclamation-triangle"),
    Status.STOPPED: Look("plain", "stop-circle"),
    Status.COMPLETED: Look("ok", "check-circle"),
    Status.FAILED: Look("bad", "x-circle"),
}
# What to look at first, so a list of counts begins with it.
URGENT_FIRST: Final = (
    Status.BLOCKED, Status.FAILED, Status.REJECTED, Status.AWAITING, Status.SENDING, Status.PREPARING,
    Status.PAUSED, Status.SCHEDULED, Status.DRAFT, Status.COMPLETED, Status.STOPPED,
)  # fmt: skip
CAMPAIGN_LOOKS: Final[dict[str, Look]] = {
    Campaign.Status.UPCOMING: Look("info", "calendar"),
    Campaign.Status.LIVE: Look("ok", "signal"),
    Campaign.Status.LAPSED: Look("plain", "flag"),
}
ARCHIVED: Final = Look("plain", "archive-box")
CHANNELS: Final = {"email": ("envelope", "E-mail"), "sms": ("chat-bubble-left", "SMS")}


def band(share: Decimal | None) -> tuple[str, str]:
    """M-12: the word and the tone of a delivery rate; empty where there is none."""
    if share is None:
        return "", ""
    if share > Decimal("0.95"):
        return gettext("healthy"), "ok"
    return (gettext("look into it"), "warn") if share >= Decimal("0.8") else (gettext("problem"), "bad")


def campaign_note(campaign: Campaign, today: date) -> str:
    """When a campaign's status changes next, or did last."""
    status = campaign.status(today)
    if status == Campaign.Status.UPCOMING:
        days = (campaign.start_on - today).days
        return ngettext("Starts tomorrow", "Starts in %(days)d days", days) % {"days": days}
    days = (campaign.end_on - today).days
    if status == Campaign.Status.LIVE:
        if not days:
            return gettext("Ends today")
        return ngettext("Ends tomorrow", "Ends in %(days)d days", days) % {"days": days}
    return ngettext("Ended yesterday", "Ended %(days)d days ago", -days) % {"days": -days}


def label(message: Message, counts: Progress | None = None) -> str:
    """The state; a completed message with rows that failed says so (C-21)."""
    if message.status == Status.COMPLETED and counts is not None and counts.failed + counts.unconfirmed:
        return gettext("Completed with failures")
    return str(Status(message.status).label)


def why(
    message: Message,
    campaign: Campaign,
    settings: OrgSettings,
    *,
    at: datetime,
    counts: Progress | None = None,
) -> str:
    """Why a message is in its state, and what is next."""
    over = campaign.status(settings.today(at)) == Campaign.Status.LAPSED
    if message.status in {Status.DRAFT, Status.AWAITING, Status.REJECTED} and over:
        return gettext("The campaign is over. Extend its end date to go on, or duplicate it.")
    if message.status == Status.REJECTED:
        reason = message.status_reason.rstrip(".")
        return gettext("“%(reason)s”. Edit it and submit it again.") % {"reason": reason}
    if message.status == Status.SCHEDULED:
        return _scheduled(message, settings, at)
    if message.status in {Status.SENDING, Status.PAUSED, Status.COMPLETED}:
        return _under_way(message, settings, counts)
    if message.status in {Status.BLOCKED, Status.STOPPED, Status.FAILED}:
        cause = causes.of(message.status_reason)
        return f"{cause.text} {cause.fix}".strip()
    return {
        Status.DRAFT: gettext("Finish it and submit it for approval."),
        Status.AWAITING: gettext("Waits for someone who may approve it."),
        Status.PREPARING: gettext("Its audience is being read; then it is sent."),
    }[Status(message.status)]


def _scheduled(message: Message, settings: OrgSettings, at: datetime) -> str:
    if message.hold_until is not None and at < message.hold_until:
        return gettext("Starts at %(when)s; until then it can be undone.") % {
            "when": formatting.clock(message.hold_until, settings)
        }
    when = formatting.instant(message.due_at, settings)
    if message.due_at is not None and message.due_at <= at:
        return gettext("Due since %(when)s; it starts within a minute.") % {"when": when}
    return gettext("Goes out %(when)s.") % {"when": when}


def _under_way(message: Message, settings: OrgSettings, counts: Progress | None) -> str:
    left = counts.queued if counts is not None else 0
    waiting = ngettext("%(n)s row waits", "%(n)s rows wait", left) % {"n": formatting.number(left, settings)}
    if message.status == Status.COMPLETED:
        if counts is not None and not counts.targeted:
            return gettext("Nobody was in its audience.")
        return gettext("Nothing is left to send; outcomes still arrive.")
    if message.status == Status.PAUSED:
        return gettext("%(waiting)s; resume goes on with them.") % {"waiting": waiting}
    done = formatting.percent(counts.percent if counts is not None else None, settings)
    return gettext("%(done)s done; %(waiting)s.") % {"done": done, "waiting": waiting}
