"""What the apps above add to a campaign's rules: until when it can be extended, what its author is warned of."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from campaigns import checklist, finality, frame, power
from campaigns.frame import CampaignRefused
from campaigns.models import Campaign, Message, Run
from conversions.models import ArmFigures, Goal
from engage.orgs.models import Org
from tests.campaigns.factories import Story, access, campaign, settings_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(inside: Org) -> Story:
    return Story(inside)


def _extend(story: Story, of: Campaign, *, at: datetime) -> Campaign:
    fresh = Campaign.objects.for_org(story.org).get(pk=of.pk)
    return frame.change(
        fresh,
        {"end_on": fresh.end_on + timedelta(days=60)},
        access=access(story.writer, story.org),
        settings=settings_of(story.org),
        at=at,
        revision=fresh.revision,
    )


def _goal(of: Campaign, window_days: int) -> Goal:
    return Goal.objects.create(
        org_id=of.org_id,
        campaign=of,
        window_days=window_days,
        anchor="sent",
        touch="last",
        groups=[],
        updated_at=NOW,
    )


def _line(story: Story, of: Message, code: str, targeted: int | None = None) -> str:
    lines = checklist.judge(checklist.Facts(of, of.campaign, settings_of(story.org), NOW, targeted))
    return next((line.text for line in lines if line.code == code), "")


def test_a_lapsed_campaign_is_extended_until_seven_days_after_its_end_then_only_duplicated(
    story: Story,
) -> None:
    """C-07, M-08"""
    made = campaign(story.org, story.writer, days=3)
    final = finality.of(made, settings_of(story.org))
    assert final == made.ends_at(settings_of(story.org).zone) + timedelta(days=7)
    with pytest.raises(CampaignRefused, match="final") as refused:
        _extend(story, made, at=final)
    assert refused.value.field == "end_on"
    assert _extend(story, made, at=final - timedelta(seconds=1)).end_on > made.end_on


def test_results_wait_for_the_goals_window_after_the_last_run(story: Story) -> None:
    """C-07, M-08"""
    sent = story.to("completed", campaign={"days": 3})
    _goal(sent.campaign, window_days=45)
    finished = Run.objects.for_org(story.org).get(message=sent).finished_at
    assert finished is not None
    final = finality.of(sent.campaign, settings_of(story.org))
    assert final == finished + timedelta(days=45 + 7)
    assert _extend(story, sent.campaign, at=final - timedelta(days=1)).end_on > sent.campaign.end_on


def test_a_live_campaign_moves_its_end_whatever_came_before(story: Story) -> None:
    """C-02, C-07"""
    made = campaign(story.org, story.writer, days=1)
    assert _extend(story, made, at=NOW + timedelta(days=1)).end_on > made.end_on


def test_a_campaign_without_a_goal_warns_its_author_unless_goals_are_off(story: Story) -> None:
    """C-26"""
    draft = story.to("draft")
    Goal.objects.for_org(story.org).filter(campaign=draft.campaign).delete()
    assert "no goal" in _line(story, draft, "no_goal")
    settings = settings_of(story.org)
    settings.goals = False
    settings.save()
    assert not _line(story, draft, "no_goal")
    settings.goals = True
    settings.save()
    _goal(draft.campaign, window_days=30)
    assert not _line(story, draft, "no_goal")


@pytest.mark.parametrize(("permille", "targeted", "warned"), [(100, 999, True), (100, 1000, False)])
def test_too_few_control_customers_for_a_verdict_are_warned_of(
    story: Story, permille: int, targeted: int, warned: bool
) -> None:
    """C-26, M-32"""
    draft = story.to("draft", campaign={"own_control": True, "control_permille": permille})
    assert bool(_line(story, draft, "small_control", targeted)) is warned


def test_the_usual_rate_is_what_control_bought_in_ninety_days(story: Story) -> None:
    """M-35"""
    assert power.usual_rate(story.org.pk, at=NOW) == power.ASSUMED_RATE
    recent = campaign(story.org, story.writer)
    old = campaign(story.org, story.writer)
    day = NOW.date() - timedelta(days=91)
    Campaign.objects.for_org(story.org).filter(pk=old.pk).update(start_on=day, end_on=day)
    for one, responders in ((recent, 8), (old, 50)):
        ArmFigures.objects.create(
            org=story.org,
            campaign=one,
            arm=1,
            contacted=100,
            responders=responders,
            computed_at=datetime.combine(day, time(), UTC),
        )
    assert power.usual_rate(story.org.pk, at=NOW) == pytest.approx(0.08)
