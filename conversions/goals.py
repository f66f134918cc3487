"""Every way a goal changes (G-04 to G-08): the org's default, and a campaign's own copy of it.

A campaign's goal locks when one of its messages is first approved. The approval writes `first_approved_at` under the
campaign's row lock; a goal edit takes the same lock, so that of the two one wins and the other is told (G-07).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from campaigns.models import Campaign
from campaigns.signals import campaign_created
from conversions import conditions
from conversions.models import Goal
from engage.orgs import audit
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_pk


class GoalRefused(Exception):
    """The goal may not change so; the text is fit for the user."""


@dataclass(frozen=True)
class Question:
    """What a goal asks, before it is stored. `groups` may be unclean; window in days."""

    groups: conditions.Groups
    window_days: int
    anchor: str
    touch: str


def default_goal(org: Org | int) -> Goal | None:
    return Goal.objects.for_org(org).filter(campaign=None).first()


def goal_of(campaign: Campaign) -> Goal | None:
    return Goal.objects.for_org(campaign.org_id).filter(campaign=campaign).first()


@transaction.atomic
def save_default(
    org: Org, question: Question, *, by: User, at: datetime, revision: int | None = None
) -> Goal:
    """Set the goal that new campaigns begin with; existing ones keep theirs (G-04)."""
    _refuse_when_off(org)
    goal = Goal.objects.for_org(org).select_for_update().filter(campaign=None).first()
    _refuse_stale(goal, revision)
    return _store(goal or Goal(org=org, origin=Goal.Origin.ORG_DEFAULT), question, by=by, at=at)


@transaction.atomic
def remove_default(org: Org, *, by: User, at: datetime) -> None:
    """New campaigns begin without a goal from now on."""
    _refuse_when_off(org)
    goal = Goal.objects.for_org(org).select_for_update().filter(campaign=None).first()
    if goal is not None:
        audit.record(org, "goal.default_removed", by=by, at=at, target=goal, before=_facts(goal))
        goal.delete()


@transaction.atomic
def save_goal(
    campaign: Campaign, question: Question, *, by: User, at: datetime, revision: int | None = None
) -> Goal:
    """Give the campaign a goal of its own. Raises `GoalRefused` once a message was approved."""
    campaign = _lock(campaign)
    goal = Goal.objects.for_org(campaign.org_id).select_for_update().filter(campaign=campaign).first()
    _refuse_stale(goal, revision)
    goal = goal or Goal(org_id=campaign.org_id, campaign=campaign)
    goal.origin = Goal.Origin.CUSTOM
    return _store(goal, question, by=by, at=at)


@transaction.atomic
def remove_goal(campaign: Campaign, *, by: User, at: datetime) -> None:
    campaign = _lock(campaign)
    goal = goal_of(campaign)
    if goal is not None:
        audit.record(campaign.org_id, "goal.removed", by=by, at=at, target=campaign, before=_facts(goal))
        goal.delete()


@transaction.atomic
def reset_goal(campaign: Campaign, *, by: User, at: datetime) -> Goal:
    """Take the org's default of this moment (G-05)."""
    campaign = _lock(campaign)
    default = default_goal(campaign.org_id)
    if default is None:
        raise GoalRefused(
            "There is no default goal. An Org admin can add one in Settings, Campaign attribution."
        )
    goal = goal_of(campaign) or Goal(org_id=campaign.org_id, campaign=campaign)
    goal.origin = Goal.Origin.ORG_DEFAULT
    return _store(goal, _question(default), by=by, at=at)


def why_locked(campaign: Campaign | None, settings: OrgSettings) -> str:
    """Why the campaign's goal cannot change now; empty when it can. None is a campaign that is not made yet."""
    if not settings.goals:
        return "Conversion goals are switched off: this goal is read-only and keeps computing."
    if campaign is not None and campaign.first_approved_at is not None:
        return "A message of this campaign was approved, so its goal no longer changes."
    return ""


@receiver(campaign_created, dispatch_uid="conversions.copy_goal")
def copy_goal(
    sender: Any, *, campaign: Campaign, by: User, at: datetime, copied_from: Campaign | None, **_: Any
) -> None:
    """A new campaign copies the org's default, a duplicate its original's goal (G-05, C-09)."""
    source = goal_of(copied_from) if copied_from is not None else default_goal(campaign.org_id)
    if source is None:
        return
    origin = source.origin if copied_from is not None else Goal.Origin.ORG_DEFAULT
    Goal.objects.create(
        org_id=campaign.org_id,
        campaign=campaign,
        groups=source.groups,
        window_days=source.window_days,
        anchor=source.anchor,
        touch=source.touch,
        origin=origin,
        updated_at=at,
    )


def _lock(campaign: Campaign) -> Campaign:
    locked = Campaign.objects.for_org(campaign.org_id).select_for_update().get(pk=campaign.pk)
    why = why_locked(locked, OrgSettings.objects.for_org(campaign.org_id).get())
    if why:
        raise GoalRefused(why)
    return locked


def _refuse_when_off(org: Org) -> None:
    if not OrgSettings.objects.for_org(org).get().goals:
        raise GoalRefused("Conversion goals are switched off. Turn them on in Settings, Feature switches.")


def _refuse_stale(goal: Goal | None, revision: int | None) -> None:
    if revision is not None and (goal.revision if goal else 0) != revision:
        raise GoalRefused("Someone saved this goal while you were editing it. Reload to see theirs.")


def _question(goal: Goal) -> Question:
    return Question(goal.groups, goal.window_days, goal.anchor, goal.touch)


def _facts(goal: Goal) -> dict[str, Any]:
    return {
        "groups": goal.groups, "window_days": goal.window_days, "anchor": goal.anchor, "touch": goal.touch,
        "origin": goal.origin,
    }  # fmt: skip


def _store(goal: Goal, question: Question, *, by: User, at: datetime) -> Goal:
    if not 1 <= question.window_days <= 90:
        raise GoalRefused("The window is 1 to 90 whole days.")
    if question.anchor not in Goal.Anchor.values or question.touch not in Goal.Touch.values:
        raise GoalRefused("Choose an anchor and a touch.")
    before = _facts(goal) if goal.pk else None
    try:
        goal.groups = conditions.clean(question.groups)
    except conditions.BadCondition as bad:
        raise GoalRefused(str(bad)) from None
    goal.window_days, goal.anchor, goal.touch = question.window_days, question.anchor, question.touch
    goal.updated_at = at
    goal.revision = goal.revision + 1 if goal.pk else 1
    goal.save()
    audit.record(
        org_pk(goal.org_id),
        "goal.saved",
        by=by,
        at=at,
        target=goal.campaign or goal,
        before=before,
        after=_facts(goal),
    )
    return goal
