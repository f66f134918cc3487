"""A goal edited in a campaign's form and not saved with it yet: "Save campaign" stores it (G-06)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from campaigns import unsaved
from campaigns.models import Campaign
from campaigns.signals import campaign_saved
from conversions import goals
from conversions.goals import GoalRefused, Question
from conversions.models import Goal
from engage.orgs.access import Access


@dataclass(frozen=True)
class Kept:
    """What waits for "Save campaign". `question` None removes the goal; `revision` is of the goal that was edited."""

    question: Question | None
    revision: int

    @property
    def goal(self) -> Goal | None:
        """As a goal that is not stored, for pages."""
        return None if self.question is None else Goal(**asdict(self.question), revision=self.revision)


def keep(
    access: Access, campaign: Campaign | None, question: Question | None, *, revision: int, at: datetime
) -> None:
    """Over what this person kept of the same campaign before; None is a campaign that is not made yet."""
    fields = {"question": None if question is None else asdict(question), "revision": revision}
    unsaved.keep(access, _form(campaign), fields, at=at)


def read(access: Access, campaign: Campaign | None) -> Kept | None:
    draft = unsaved.kept(access, _form(campaign))
    if draft is None:
        return None
    question = draft.fields["question"]
    return Kept(None if question is None else Question(**question), draft.fields["revision"])


def forget(access: Access, campaign: Campaign | None) -> None:
    unsaved.forget(access, _form(campaign))


@receiver(campaign_saved, dispatch_uid="conversions.store_kept_goal")
def store(sender: Any, *, campaign: Campaign, access: Access, at: datetime, is_new: bool, **_: Any) -> str:
    """Save what this person kept with the campaign. Returns why it could not be, fit for the user; else nothing."""
    form = None if is_new else campaign
    kept = read(access, form)
    if kept is None or not access.may("goal.edit"):
        return ""
    try:
        if kept.question is None:
            goals.remove_goal(campaign, by=access.user, at=at)
        else:
            # A campaign just made has the default's copy, which nobody else can have changed.
            revision = None if is_new else kept.revision
            goals.save_goal(campaign, kept.question, by=access.user, at=at, revision=revision)
    except GoalRefused as refused:
        return f"The goal was not saved. {refused}"
    forget(access, form)
    return ""


def _form(campaign: Campaign | None) -> str:
    return f"goal:{campaign.pk if campaign else 'new'}"
