"""Why somebody did not get a message, in words: what happened and what to do (A-37, H-39)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Reason:
    """`step` is when it was known: before the hand-over, at it, or by a report."""

    code: str
    label: str | Promise
    cause: str | Promise
    fix: str | Promise
    step: str

    @property
    def when(self) -> str | Promise:
        return STEPS[self.step]


BEFORE: Final = "before"
AT: Final = "at"
REPORT: Final = "report"
STEPS: Final = {BEFORE: _("Before hand-over"), AT: _("At hand-over"), REPORT: _("By report")}

_LIST: Final = _("Look at the list.")
_CONTACT: Final = _("Correct or collect the contact.")
_ALL: Final = (
    Reason(
        "duplicate_contact", _("Same address"), _("Another customer has the same address."), _LIST, BEFORE
    ),
    Reason("no_contact", _("No contact"), _("There is no address on this channel."), _CONTACT, BEFORE),
    Reason(
        "invalid_contact",
        _("Invalid contact"),
        _("The address is invalid, or bounced for good."),
        _CONTACT,
        BEFORE,
    ),
    Reason(
        "unsubscribed",
        _("Unsubscribed"),
        _("The customer or the address opted out."),
        _("Respect it; check the list's source."),
        BEFORE,
    ),
    Reason(
        "no_consent",
        _("No consent"),
        _("The customer never said yes, and unset means no."),
        _("Collect consent."),
        BEFORE,
    ),
    Reason(
        "dnd",
        _("Do not disturb"),
        _("The number is on a do-not-disturb list."),
        _("Use another channel."),
        BEFORE,
    ),
    Reason(
        "limit",
        _("Limit reached"),
        _("The customer got as many messages as the limits allow."),
        _("Send later, or less often."),
        BEFORE,
    ),
    Reason(
        "content_error",
        _("Content error"),
        _("A value is missing, or the text is too long for this customer."),
        _("Give the tag a fallback, shorten the text."),
        BEFORE,
    ),
    Reason(
        "stopped",
        _("Stopped"),
        _("Somebody stopped the message before their turn."),
        _("Send a new message."),
        BEFORE,
    ),
    Reason(
        "too_late",
        _("Too late"),
        _("Their turn came after the message had to be out."),
        _("Choose a better time."),
        BEFORE,
    ),
    Reason(
        "campaign_ended",
        _("Campaign ended"),
        _("The campaign was over before their turn."),
        _("Extend the campaign next time, or start earlier."),
        BEFORE,
    ),
    Reason("erased", _("Erased"), _("The customer's data was erased."), _("Nothing."), BEFORE),
    Reason(
        "sender_rejected",
        _("Sender rejected"),
        _("The provider does not know the sender, or has not verified it."),
        _("Verify the sender."),
        AT,
    ),
    Reason(
        "auth_failed",
        _("Sign-in failed"),
        _("The provider refuses the sender's credentials."),
        _("Renew them, then continue."),
        AT,
    ),
    Reason(
        "template_error",
        _("Template error"),
        _("The text differs from the approved template."),
        _("Use the approved version."),
        AT,
    ),
    Reason(
        "content_rejected",
        _("Content rejected"),
        _("The provider refused the content: spam words, or its size."),
        _("Change the content and test."),
        AT,
    ),
    Reason(
        "address_refused",
        _("Address refused"),
        _("The provider takes the address for malformed."),
        _("Correct the contact."),
        AT,
    ),
    Reason(
        "retries_exhausted",
        _("Retries exhausted"),
        _("The provider was busy or unreachable for too long."),
        _("Check the sender, lower the throttle."),
        AT,
    ),
    Reason(
        "no_answer",
        _("No answer"),
        _("The provider's answer was lost; it may have the message."),
        _("Wait for proof, then decide per row."),
        AT,
    ),
    Reason(
        "mailbox_full",
        _("Mailbox full"),
        _("Soft bounce: the mailbox is full."),
        _("Wait, watch repeats."),
        REPORT,
    ),
    Reason(
        "temporary",
        _("Temporary failure"),
        _("Soft bounce: the mailbox could not be reached for now."),
        _("Wait, watch repeats."),
        REPORT,
    ),
    Reason(
        "unknown_user",
        _("Unknown user"),
        _("Hard bounce: there is no such mailbox."),
        _("Remove or correct the address."),
        REPORT,
    ),
    Reason(
        "domain_invalid",
        _("Invalid domain"),
        _("Hard bounce: the domain takes no mail."),
        _("Remove or correct the address."),
        REPORT,
    ),
    Reason(
        "blocked_operator",
        _("Blocked by operator"),
        _("An operator's filter, or a national do-not-disturb list."),
        _("Review text, time and consent."),
        REPORT,
    ),
    Reason(
        "unreachable",
        _("Unreachable"),
        _("The phone was off, or the app removed."),
        _("Use another channel."),
        REPORT,
    ),
    Reason(
        "expired",
        _("Expired"),
        _("It was not delivered while it was valid."),
        _("Choose a better time."),
        REPORT,
    ),
    Reason(
        "complaint",
        _("Complaint"),
        _("The customer marked it as spam; the address is opted out."),
        _("Check the list's source."),
        REPORT,
    ),
    Reason(
        "no_final_report",
        _("No final report"),
        _("Nothing was reported for seven days."),
        _("Check the receipt address."),
        REPORT,
    ),
)
REASONS: Final = {reason.code: reason for reason in _ALL}


def of(code: str) -> Reason:
    """A code that is not listed stands for itself."""
    return REASONS.get(code, Reason(code, code.replace("_", " ").capitalize(), "", "", AT))
