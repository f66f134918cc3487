"""Why a message is Blocked, Stopped or Failed, in words: what happened and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Cause:
    """`text` says what happened, `fix` what a person can do."""

    text: str
    fix: str


CAUSES: Final[dict[str, Cause]] = {
    "schedule_missed": Cause(
        "It was not sent at its time, and the grace has passed.",
        "Continue to send it now, or reschedule it.",
    ),
    "audience_changed": Cause(
        "The audience is much larger or smaller than when it was approved.",
        "Look at the audience; continue if the number is right, or reschedule.",
    ),
    "sender_down": Cause("Its sender is not active.", "Activate the sender, then continue."),
    "failure_rate": Cause(
        "Over 20 % of the last 200 hand-overs were refused.",
        "Look at the reasons below, repair the sender or the content, then continue.",
    ),
    "disarmed": Cause("Sending was halted.", "Arm sending again, then continue."),
    "repeated_failures": Cause("Three runs in a row failed.", "Look at the failures, then continue."),
    "credits": Cause("The balance does not cover it.", "Top up, then continue."),
    "offer_stock": Cause("There are fewer coupons than customers.", "Add coupons, then continue."),
    "stopped": Cause("Somebody stopped it.", "What was handed over cannot be recalled."),
    "campaign_ended": Cause("Its campaign ended while it was open.", "Duplicate it into another campaign."),
}


def of(reason: str) -> Cause:
    """The cause of a code; other words stand for themselves."""
    return CAUSES.get(reason, Cause(reason, "Look at the run, then try again."))
