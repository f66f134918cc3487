"""Every way the settings and switches of an org change (T-22, T-24)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import Any

from django.db import models, transaction

from engage.orgs import audit
from engage.orgs.access import Access, holders
from engage.orgs.members import ChangeRefused
from engage.orgs.models import Org, OrgSettings
from engage.orgs.models.org import ControlSplit, Switch

Question = Callable[[Org], bool]
_questions: list[Question] = []


def fixes_currency(question: Question) -> Question:
    """Register what an upper app knows: whether an org has transactions, which fix its currency (T-24)."""
    _questions.append(question)
    return question


def has_transactions(org: Org) -> bool:
    return any(question(org) for question in _questions)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, time) else value


def _changes(before: models.Model, after: models.Model) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [f.attname for f in after._meta.concrete_fields if f.attname not in {"id", "org_id", "revision"}]
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    return (
        {name: _plain(getattr(before, name)) for name in changed},
        {name: _plain(getattr(after, name)) for name in changed},
    )


def one_group(settings: OrgSettings) -> int | None:
    """The share of the org's one control group; None where each campaign draws its own (A-40)."""
    return settings.control_permille if settings.control_split == ControlSplit.ORG else None


@transaction.atomic
def save_settings(settings: OrgSettings, *, name: str, by: Access, at: datetime) -> OrgSettings:
    """Store edited settings and the org's name; one audit entry holds what changed. Locks the settings' row.

    Another control group for the whole org is drawn anew, for campaigns made from now on (T-25).
    """
    stored = OrgSettings.objects.for_org(by.org).select_for_update().get()
    if one_group(settings) not in (None, one_group(stored)):
        settings.split_version = stored.split_version + 1
    before, after = _changes(stored, settings)
    if name != by.org.name:
        before["name"], after["name"] = by.org.name, name
        by.org.name = name
        by.org.save(update_fields=["name"])
    if after:
        settings.save()
        audit.record(
            by.org, "settings.changed", by=by.user, at=at, target=settings, before=before, after=after
        )
    return settings


@transaction.atomic
def turn(switch: Switch, *, on: bool, by: Access, at: datetime) -> OrgSettings:
    """Turn a feature on or off, at once.

    Self-approval needs a second admin where there is one (C-28): the first asks, the second turns it on. Raises
    `ChangeRefused` when the same admin asks twice.
    """
    settings = OrgSettings.objects.for_org(by.org).select_for_update().get()
    if (
        switch == Switch.SELF_APPROVAL
        and on
        and not settings.self_approval
        and _needs_second(settings, by, at)
    ):
        return settings
    before = getattr(settings, switch.value)
    setattr(settings, switch.value, on)
    settings.self_approval_asked_by = None
    settings.revision += 1
    settings.save()
    if before != on:
        audit.record(
            by.org, "switch.turned", by=by.user, at=at, target=settings,
            before={switch.value: before}, after={switch.value: on},
        )  # fmt: skip
    return settings


def _needs_second(settings: OrgSettings, by: Access, at: datetime) -> bool:
    admins = [user for user in holders(by.org, "settings.general", None) if user.pk != by.user.pk]
    asked_by = settings.self_approval_asked_by_id
    if not admins or (asked_by is not None and asked_by != by.user.pk):
        return False
    if asked_by == by.user.pk:
        raise ChangeRefused("You asked for self-approval already. Another Org admin must turn it on.")
    settings.self_approval_asked_by = by.user
    settings.save(update_fields=["self_approval_asked_by"])
    audit.record(by.org, "switch.asked", by=by.user, at=at, target=settings, after={"self_approval": True})
    return True
