"""The audit trail in words: what was done, and what it changed, for people who never see a code (T-33)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# Every action of the trail, as it stands behind the name of whoever did it. A test finds one that is missing.
DEEDS: Final = {
    "access.denied": _("was refused for a missing right"),
    "audience.archived": _("archived it"),
    "audience.created": _("created it"),
    "audience.deleted": _("deleted it"),
    "audience.edited": _("changed it"),
    "audience.extended": _("added the rows of a file"),
    "audience.restored": _("took it out of the archive"),
    "audience.used_anyway": _("chose to use it in spite of rejected rows"),
    "brand_contact.added": _("added a colleague to a brand group"),
    "brand_contact.removed": _("removed a colleague from a brand group"),
    "brand.landing_changed": _("changed the landing page"),
    "brand.landing_reset": _("put the standard landing page back"),
    "brand.logo_removed": _("removed the logo"),
    "brand.logo_set": _("set the logo"),
    "campaign.archived": _("archived the campaign"),
    "campaign.changed": _("changed the campaign"),
    "campaign.created": _("created the campaign"),
    "campaign.deleted": _("deleted the campaign"),
    "campaign.restored": _("took the campaign out of the archive"),
    "consent.recorded": _("recorded a consent"),
    "contact.cleared": _("cleared a bounce"),
    "customer.revealed": _("looked at the full address"),
    "delivery.released": _("released a delivery to be sent again"),
    "domain.chosen": _("chose a host for links"),
    "domain.given_up": _("gave up a host for links"),
    "domain.used": _("began to use a host for links"),
    "goal.default_removed": _("removed the default goal"),
    "goal.removed": _("removed the goal"),
    "goal.saved": _("set the goal"),
    "intake.taken": _("loaded data"),
    "invitation.revoked": _("revoked the invitation"),
    "invitation.sent": _("sent the invitation"),
    "job.cancelled": _("cancelled the job"),
    "job.started": _("started the job"),
    "key.created": _("created the key"),
    "key.revoked": _("revoked the key"),
    "member.active": _("let the member in again"),
    "member.removed": _("removed the member"),
    "member.seated": _("gave the member their roles"),
    "member.suspended": _("suspended the member"),
    "message.approved": _("approved it"),
    "message.begun": _("began to send"),
    "message.blocked": _("blocked it"),
    "message.completed": _("finished the run"),
    "message.continued": _("let it go on"),
    "message.created": _("created it"),
    "message.deleted": _("deleted it"),
    "message.edited": _("made it a draft again"),
    "message.ended": _("stopped it, because its campaign is over"),
    "message.failed": _("could not prepare the run"),
    "message.paused": _("paused it"),
    "message.rejected": _("rejected it"),
    "message.reopened": _("opened the run again"),
    "message.rescheduled": _("made it a draft again, to choose another time"),
    "message.resumed": _("resumed it"),
    "message.retried": _("tried the run again"),
    "message.started": _("started the run"),
    "message.stopped": _("stopped it"),
    "message.submitted": _("submitted it for approval"),
    "message.tested": _("sent a test"),
    "message.unscheduled": _("took it off the schedule"),
    "message.withdrawn": _("withdrew it"),
    "org.created": _("founded the organisation"),
    "reply_words.removed": _("removed the reply words"),
    "reply_words.saved": _("set the reply words"),
    "role.saved": _("saved the role"),
    "sender.active": _("activated it"),
    "sender.changed": _("changed it"),
    "sender.created": _("created it"),
    "sender.default": _("made it the default"),
    "sender.failing": _("marked it as failing"),
    "sender.hook_opened": _("opened its address for receipts"),
    "sender.paused": _("paused it"),
    "sender.unverified": _("marked it as not verified"),
    "sending.armed": _("armed sending again"),
    "sending.halted": _("halted all sending"),
    "settings.changed": _("changed the settings"),
    "signin.failed": _("failed to sign in"),
    "signin.succeeded": _("signed in"),
    "switch.asked": _("asked for a switch to be turned on"),
    "switch.turned": _("turned a switch"),
    "test_contact.added": _("added a test contact"),
    "test_contact.removed": _("removed a test contact"),
    "unit.archived": _("archived the unit"),
    "unit.changed": _("changed the unit"),
    "unit.created": _("created the unit"),
}
_NAMES: Final = {
    "accent": _("Colour"),
    "farewell": _("After unsubscribing"),
    "start_on": _("Start date"),
    "end_on": _("End date"),
    "objective_values": _("Picked values"),
    "own_control": _("Control share of its own"),
    "control_permille": _("Control share"),
    "status": _("State"),
    "window_days": _("Window, days"),
    "groups": _("Conditions"),
}
_CODE: Final = re.compile(r"[a-z]+(_[a-z]+)*")


@dataclass(frozen=True)
class Change:
    """One fact of an entry; `before` is empty where the entry does not hold it."""

    label: str
    before: str
    after: str


def told(action: str) -> str:
    return str(DEEDS.get(action) or action.replace(".", " ").replace("_", " "))


def in_words(text: str) -> str:
    """A code as words; a sentence as it is."""
    return text.replace("_", " ") if _CODE.fullmatch(text) else text


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """What an entry says of each field, in words. Digests, and states that the deed itself names, are left out."""
    former, latter = before or {}, after or {}
    names = [name for name in {**former, **latter} if name not in {"digest", "status"}]
    return [
        Change(
            str(_NAMES.get(name) or in_words(name).capitalize()),
            _value(name, former[name]) if name in former else "",
            _value(name, latter[name]) if name in latter else "",
        )
        for name in names
    ]


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if value in (None, "", [], {}):
        return "—"
    if name.endswith("_permille"):
        return f"{value / 10:g} %"
    if isinstance(value, Mapping):
        return "; ".join(f"{in_words(str(key))}: {_value('', one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(_value("", one) for one in value)
    return in_words(value) if isinstance(value, str) else str(value)
