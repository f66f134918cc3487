"""What differs between two bodies of a message, section by section, in the words of the pages (C-31)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from audiences.models import Channel, MessageClass
from campaigns import throttle
from campaigns.body import Body
from campaigns.models import Message
from engage.orgs.models.org import UnsetConsent

_YES_NO: Final = {0: "No", 1: "Yes"}
_FIELDS: Final = {
    "subject": "Subject",
    "preview": "Preview text",
    "html": "Body",
    "text": "Text",
    "allow_unicode": "Allow Unicode",
}


@dataclass(frozen=True)
class Line:
    """One fact before and after; None where it does not exist."""

    label: str
    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def steps(self) -> list[tuple[str, str]]:
        """The text line by line, each with "+", "-" or "" for what stayed."""
        compared = difflib.ndiff((self.before or "").splitlines(), (self.after or "").splitlines())
        return [(step[0].strip(), step[2:]) for step in compared if step[0] != "?"]


@dataclass(frozen=True)
class Section:
    """A step of the wizard. `key` is its name in addresses."""

    key: str
    title: str
    lines: list[Line] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return any(line.changed for line in self.lines)


def between(before: Body | None, after: Body, names: Mapping[int, str] | None = None) -> list[Section]:
    """Every section of `after` beside `before`; all is new when there is none. `names` are the audiences'."""
    old = _told(before, names or {}) if before else {}
    new = _told(after, names or {})
    sections = []
    for (key, title), facts in new.items():
        former = old.get((key, title), {})
        labels = list(dict.fromkeys([*facts, *former]))
        sections.append(
            Section(key, title, [Line(name, former.get(name), facts.get(name)) for name in labels])
        )
    return sections


def _told(body: Body, names: Mapping[int, str]) -> dict[tuple[str, str], dict[str, str]]:
    """Every fact of the body in words; a test says that none is left out."""
    return {
        ("basics", "Basics"): {
            "Title": body.title,
            "Class": MessageClass(body.message_class).label,
            "Strategy": Message.Strategy(body.strategy).label,
            "Channel": Channel(body.channel).label,
        },
        ("audience", "Audience"): _audience(body, names),
        ("content", "Content"): _content(body),
        ("schedule", "Schedule"): {
            "When": Message.Mode(body.mode).label,
            "Due": body.due_at,
            "Time zone": body.zone,
            "Campaign from": body.campaign_starts_at,
            "Campaign until": body.campaign_ends_at,
            "Quiet hours": f"{body.quiet_from}-{body.quiet_until} {body.org_zone}",
            "Throttle": _throttle(body),
        },
        ("delivery", "Delivery settings"): {
            "Sender": f"{body.sender.display_name} <{body.sender.identity}>",
            "Sender's connection": f"{body.sender.adapter} {body.sender.id}",
            "Replies to": body.sender.reply_to,
            "Short links": _YES_NO[body.short_links],
            "Links tracked": _YES_NO[body.track_links],
            "Opens tracked": _YES_NO[body.track_opens],
            "Links begin with": body.tracking_url,
            "Copy to": "\n".join([body.copy_group, *body.copies]),
            "Sent to control": _YES_NO[body.send_to_control],
            "Ignores limits": _YES_NO[body.ignore_limits],
            "Analytics campaign": body.utm_campaign,
            "Analytics source": body.utm_source,
            "Footer": f"{body.footer_name}\n{body.footer_address}",
            "Language, currency, numbers": f"{body.language} {body.currency} {body.number_format}",
            **_named("Value of", body.constants),
            **_named("Incentive", body.incentive),
            **_named("Limit", body.limits),
        },
    }


def _audience(body: Body, names: Mapping[int, str]) -> dict[str, str]:
    chosen = {
        f"{'Excludes' if audience.exclude else 'Includes'} {names.get(audience.audience, audience.audience)}": (
            f"{audience.kind} version {audience.version} ({audience.digest[:12]})"
        )
        for audience in body.audiences
    }
    return chosen | {
        "List is read": Message.Freeze(body.freeze_audience).label,
        "Control share": f"{body.control_permille / 10:g} %",
        "Split by": body.split,
        "One message an address": _YES_NO[body.one_send_per_address],
        "Consent when unset": UnsetConsent(body.unset_consent).label,
    }


def _content(body: Body) -> dict[str, str]:
    told: dict[str, str] = {}
    for content in body.contents:
        place = "" if len(body.contents) == 1 else f" ({content.channel} {content.slot}.{content.variant})"
        for name, value in content.fields.items():
            told[_FIELDS.get(name, name) + place] = value
        told["Links" + place] = "\n".join(content.links)
    return told


def _throttle(body: Body) -> str:
    found = throttle.of(body)
    if found is None:
        return "None"
    pace = f"{found.per_hour:,} an hour"
    return f"{pace}, {found.closed.ends:%H:%M}-{found.closed.begins:%H:%M}" if found.closed else pace


def _named(label: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {f"{label} {name}": str(value) for name, value in sorted(values.items())}
