"""A goal's life: what it asks, the org's default, a campaign's own, and the lock of the first approval."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection

from campaigns import lifecycle
from campaigns.models import Campaign, Message
from conversions import goals
from conversions.attribution import attribute
from conversions.goals import GoalRefused, Question
from conversions.models import ArmFigures, Attribution, Goal
from engage.orgs.models import AuditEntry, Org
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.conversions import stories
from tests.conversions.stories import utc
from tests.factories import NOW

pytestmark = pytest.mark.django_db
OVER_30 = [[{"field": "net", "op": "gt", "value": 3000}]]
DEFAULT = Question([], 30, "delivered", "last")
OWN = Question(OVER_30, 45, "clicked", "first")


@pytest.fixture
def story(inside: Org) -> made.Story:
    return made.Story(inside)


def asked(campaign: Campaign) -> tuple[object, ...] | None:
    goal = goals.goal_of(campaign)
    return None if goal is None else (goal.groups, goal.window_days, goal.anchor, goal.touch, goal.origin)


def again(campaign: Campaign) -> Campaign:
    return Campaign.objects.for_org(campaign.org_id).get(pk=campaign.pk)


def test_a_goal_asks_by_conditions_window_anchor_and_touch_who_bought(inside: Org) -> None:
    """G-01, G-03: change any one of the four and another message, or none, is credited."""
    story = stories.Story(inside)
    (customer,) = story.customers(1)
    asks: dict[str, dict[str, object]] = {
        "as it is": {},
        "a condition": {"groups": [[{"field": "net", "op": "gt", "value": 10_000}]]},
        "a shorter window": {"window_days": 1},
        "another anchor": {"anchor": "opened"},
        "the first touch": {"touch": "first"},
    }
    credited = {}
    for name, goal in asks.items():
        campaign = story.campaign(goal=goal)
        runs = [story.run(campaign, utc(6, day).date()) for day in (1, 5)]
        for run in runs:
            story.deliver(run, [customer])
        credited[name] = (campaign, {run.message_id: place for place, run in enumerate(runs, 1)})
    story.buy(customer, utc(6, 10), 10_000)
    attribute(inside.pk, at=utc(7, 1))
    found = {}
    for name, (campaign, names) in credited.items():
        row = Attribution.objects.for_org(inside).filter(campaign_id=campaign.pk, basis=0).first()
        found[name] = names[row.message_id] if row else None
    assert found == {
        "as it is": 2,
        "a condition": None,
        "a shorter window": None,
        "another anchor": None,
        "the first touch": 1,
    }


def test_only_a_sale_is_the_goals_event(inside: Org) -> None:
    """G-02: a return is no transaction that a customer makes towards a goal."""
    story = stories.Story(inside)
    campaign = story.campaign(goal={})
    (customer,) = story.customers(1)
    story.deliver(story.run(campaign), [customer])
    sale = story.buy(customer, utc(6, 5))
    story.buy(customer, utc(6, 6), kind="return")
    attribute(inside.pk, at=utc(7, 1))
    rows = Attribution.objects.for_org(inside).filter(campaign_id=campaign.pk, basis=0)
    assert [row.txn_id for row in rows] == [sale.id]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"window_days": 0}, "1 to 90"),
        ({"window_days": 91}, "1 to 90"),
        ({"anchor": "bought"}, "anchor"),
        ({"touch": "middle"}, "touch"),
    ],
)
def test_a_window_is_1_to_90_days_and_anchor_and_touch_are_of_the_list(
    story: made.Story, changes: dict[str, object], says: str
) -> None:
    """G-03"""
    campaign = made.campaign(story.org, story.writer)
    for days in (1, 90):
        goals.save_goal(campaign, Question([], days, "sent", "last"), by=story.writer, at=NOW)
    with pytest.raises(GoalRefused, match=says):
        goals.save_goal(
            campaign,
            Question(**{"groups": [], "window_days": 15, "anchor": "sent", "touch": "last"} | changes),  # type: ignore[arg-type]  # wrong on purpose
            by=story.writer,
            at=NOW,
        )
    assert asked(campaign) == ([], 90, "sent", "last", "custom")


def test_a_new_campaign_copies_the_default_and_keeps_its_copy(story: made.Story) -> None:
    """G-04, G-05"""
    assert asked(made.campaign(story.org, story.writer)) is None
    goals.save_default(story.org, DEFAULT, by=story.admin, at=NOW)
    first = made.campaign(story.org, story.writer)
    goals.save_default(story.org, OWN, by=story.admin, at=NOW)
    second = made.campaign(story.org, story.writer)
    goals.remove_default(story.org, by=story.admin, at=NOW)
    third = made.campaign(story.org, story.writer)
    assert asked(first) == ([], 30, "delivered", "last", "org_default")
    assert asked(second) == (OVER_30, 45, "clicked", "first", "org_default")
    assert asked(third) is None


def test_editing_makes_it_its_own_and_reset_takes_the_default_of_that_moment(story: made.Story) -> None:
    """G-05, T-31"""
    goals.save_default(story.org, DEFAULT, by=story.admin, at=NOW)
    campaign = made.campaign(story.org, story.writer)
    goals.save_goal(campaign, OWN, by=story.writer, at=NOW)
    assert asked(campaign) == (OVER_30, 45, "clicked", "first", "custom")
    goals.save_default(story.org, Question([], 60, "sent", "last"), by=story.admin, at=NOW)
    goals.reset_goal(campaign, by=story.writer, at=NOW)
    assert asked(campaign) == ([], 60, "sent", "last", "org_default")
    goals.remove_goal(campaign, by=story.writer, at=NOW)
    assert asked(campaign) is None
    trail = AuditEntry.objects.for_org(story.org).filter(action__startswith="goal.").order_by("seq")
    assert [entry.action for entry in trail] == [*["goal.saved"] * 4, "goal.removed"]


def test_reset_without_a_default_is_refused_with_what_to_do(story: made.Story) -> None:
    """G-05"""
    campaign = made.campaign(story.org, story.writer)
    goals.save_goal(campaign, OWN, by=story.writer, at=NOW)
    with pytest.raises(GoalRefused, match="Settings, Campaign attribution"):
        goals.reset_goal(campaign, by=story.writer, at=NOW)
    assert asked(campaign) == (OVER_30, 45, "clicked", "first", "custom")


def test_a_duplicate_takes_the_goal_of_its_original(story: made.Story) -> None:
    """G-05, C-09"""
    goals.save_default(story.org, DEFAULT, by=story.admin, at=NOW)
    original = made.campaign(story.org, story.writer)
    goals.save_goal(original, OWN, by=story.writer, at=NOW)
    copy = made.campaign(story.org, story.writer, copied_from=original)
    assert asked(copy) == (OVER_30, 45, "clicked", "first", "custom")
    goals.remove_goal(copy, by=story.writer, at=NOW)
    assert asked(original) is not None


def test_a_campaigns_goal_touches_nothing_else(story: made.Story) -> None:
    """G-05: not the default, no other campaign, no message and no approval of the campaign."""
    default = goals.save_default(story.org, DEFAULT, by=story.admin, at=NOW)
    waiting = story.to("awaiting")
    beside = made.campaign(story.org, story.writer)
    read = made.seen(waiting)
    goals.save_goal(waiting.campaign, OWN, by=story.writer, at=NOW)
    default.refresh_from_db()
    waiting = Message.objects.for_org(story.org).get(pk=waiting.pk)
    assert (default.window_days, asked(beside)) == (30, ([], 30, "delivered", "last", "org_default"))
    assert (waiting.status, made.seen(waiting)) == ("awaiting", read)


def test_the_first_approval_locks_the_goal_and_nothing_unlocks_it(story: made.Story) -> None:
    """G-07"""
    stopped = story.to("stopped")
    edited = story.to("scheduled")
    lifecycle.unschedule(edited, by=story.writer, at=story.at)
    for message in (stopped, edited):
        campaign = again(message.campaign)
        for act in (
            partial(goals.save_goal, campaign, OWN),
            partial(goals.remove_goal, campaign),
            partial(goals.reset_goal, campaign),
        ):
            with pytest.raises(GoalRefused, match="was approved"):
                act(by=story.writer, at=story.at)


def test_a_rejection_does_not_lock_the_goal(story: made.Story) -> None:
    """G-07"""
    rejected = story.to("rejected")
    goals.save_goal(again(rejected.campaign), OWN, by=story.writer, at=story.at)
    assert asked(rejected.campaign) is not None


def test_a_goal_saved_meanwhile_is_not_overwritten(story: made.Story) -> None:
    """Q-36, G-07: the second of two editors is told."""
    campaign = made.campaign(story.org, story.writer)
    first = goals.save_goal(campaign, DEFAULT, by=story.writer, at=NOW, revision=0)
    goals.save_goal(campaign, OWN, by=story.writer, at=NOW, revision=first.revision)
    with pytest.raises(GoalRefused, match="while you were editing"):
        goals.save_goal(campaign, DEFAULT, by=story.admin, at=NOW, revision=first.revision)
    assert asked(campaign) == (OVER_30, 45, "clicked", "first", "custom")


def test_switched_off_goals_are_readable_and_go_on_computing(inside: Org) -> None:
    """G-08, T-22"""
    people = made.Story(inside)
    story = stories.Story(inside)
    campaign = story.campaign(goal={"groups": OVER_30})
    (customer,) = story.customers(1)
    story.deliver(story.run(campaign), [customer])
    goals.save_default(inside, DEFAULT, by=people.admin, at=NOW)
    settings = factories.settings_of(inside, goals=False)
    story.buy(customer, utc(6, 5))
    attribute(inside.pk, at=utc(7, 1))
    assert ArmFigures.objects.for_org(inside).get(campaign=campaign, arm=0).converted == 1
    assert "read-only and keeps computing" in goals.why_locked(campaign, settings)
    assert asked(campaign) is not None
    for act in (
        partial(goals.save_goal, campaign, OWN),
        partial(goals.remove_goal, campaign),
        partial(goals.save_default, inside, OWN),
        partial(goals.remove_default, inside),
    ):
        with pytest.raises(GoalRefused, match="switched off"):
            act(by=people.admin, at=NOW)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(3))
def test_of_an_approval_and_a_goal_edit_at_once_one_wins_and_the_other_is_told(org: Org, _round: int) -> None:
    """G-07: an edit that went through was before the approval; one that came after it is refused."""
    with org_context(org.pk):
        story = made.Story(org)
        waiting = story.to("awaiting")
        read = made.seen(waiting)
    gate = threading.Barrier(2)

    def approve() -> None:
        with org_context(org.pk):
            gate.wait()
            lifecycle.approve(waiting, by=story.approver, seen=read, at=NOW + timedelta(minutes=1))
        connection.close()

    def edit() -> bool:
        try:
            with org_context(org.pk):
                gate.wait()
                goals.save_goal(waiting.campaign, OWN, by=story.writer, at=NOW)
        except GoalRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        approval, edited = pool.submit(approve), pool.submit(edit)
        approval.result()
        stored = edited.result()
    with org_context(org.pk):
        assert Goal.objects.for_org(org).filter(campaign=waiting.campaign).exists() is stored
        trail = list(
            AuditEntry.objects.for_org(org)
            .filter(action__in=["goal.saved", "message.approved"])
            .order_by("seq")
            .values_list("action", flat=True)
        )
        assert trail == (["goal.saved", "message.approved"] if stored else ["message.approved"])
        with pytest.raises(GoalRefused):
            goals.save_goal(again(waiting.campaign), OWN, by=story.writer, at=NOW)
