"""The permission catalogue (T-12) and the ready-made roles (T-13), as data."""

from __future__ import annotations

from typing import Any, Final

RIGHTS: Final[list[tuple[str, str | Any]]] = [
    ("campaign.view", "See campaigns"),
    ("campaign.create", "Create, edit and archive campaigns"),
    ("goal.edit", "Edit a campaign's conversion goal"),
    ("message.create", "Write and pause messages"),
    ("message.submit", "Submit messages for approval"),
    ("message.test", "Send tests"),
    ("message.control", "Resume, stop and retry messages"),
    ("message.service", "Send service-class messages"),
    ("message.override", "Ignore limits, send to control"),
    ("message.approve", "Approve and reject messages"),
    ("message.approve_coupons", "Approve messages with an offer"),
    ("message.approve_points", "Approve messages with points"),
    ("audience.view", "See audiences"),
    ("audience.create", "Make audiences by filter, combination or split"),
    ("audience.upload", "Make audiences from files"),
    ("audience.export", "Export customers"),
    ("customer.view", "See customers, addresses masked"),
    ("customer.reveal", "See customers' addresses"),
    ("customer.edit", "Edit customers"),
    ("customer.erase", "Erase customers"),
    ("content.view", "See content"),
    ("content.edit", "Edit content"),
    ("incentive.view", "See offers"),
    ("incentive.create", "Create offers"),
    ("incentive.revoke", "Revoke coupons"),
    ("report.view", "See reports"),
    ("report.export", "Export reports"),
    ("audit.view", "See the audit log"),
    ("settings.view", "See settings"),
    ("settings.general", "Change general settings and switches"),
    ("settings.goal", "Change the default goal"),
    ("settings.senders", "Change senders"),
    ("settings.credits", "Change credits"),
    ("settings.members", "Manage members and roles"),
    ("settings.keys", "Manage API keys"),
    ("ops.view", "See queues, receipts and failures"),
    ("ops.control", "Halt, arm and continue sending"),
    ("event.define", "Define events"),
    ("inbox.reply", "Reply in the inbox"),
    ("redeem", "Redeem coupons"),
]
ALL_RIGHTS: Final = frozenset(right for right, _ in RIGHTS)
LABELS: Final = dict(RIGHTS)

_EVERYONE = {"campaign.view", "audience.view", "content.view", "incentive.view", "report.view"}
_WRITE = {
    "campaign.create", "goal.edit", "message.create", "message.submit", "message.test",
    "content.edit", "incentive.create",
}  # fmt: skip
_APPROVE = {"message.approve", "message.approve_coupons", "message.approve_points"}

# key → (name, rights)
READY_MADE: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "admin": ("Org admin", ALL_RIGHTS),
    "approver": (
        "Approver",
        frozenset(
            _EVERYONE | _WRITE | _APPROVE
            | {"message.control", "audience.create", "customer.view", "incentive.revoke", "report.export",
               "settings.view", "audit.view"}
        ),
    ),
    "marketer": (
        "Marketer",
        frozenset(
            _EVERYONE | _WRITE
            | {"audience.create", "audience.upload", "customer.view", "event.define", "inbox.reply",
               "report.export"}
        ),
    ),
    "audience-manager": (
        "Audience manager",
        frozenset(
            _EVERYONE
            | {"audience.create", "audience.upload", "audience.export", "customer.reveal", "customer.edit",
               "customer.view"}
        ),
    ),
    "analyst": ("Analyst", frozenset(_EVERYONE | {"report.export"})),
    "ops": (
        "Ops",
        frozenset(
            _EVERYONE
            | {"message.control", "customer.view", "settings.view", "audit.view", "settings.senders",
               "ops.view", "ops.control"}
        ),
    ),
}  # fmt: skip

# Changing these changes the whole org, so a unit's scope is not enough (T-10).
ORG_SCOPE: Final = frozenset(
    {"settings.general", "settings.goal", "settings.credits", "settings.members", "settings.keys"}
)
