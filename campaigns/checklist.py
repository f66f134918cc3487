"""What stops a message from being submitted, and what its author should look at first (C-25, C-26).

Each check is a function of the facts; apps above add theirs with `@check` when they are ready (a goal, a control share
too small to measure).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from audiences.models import Audience, Category, MessageClass, Product, Store, Zone
from campaigns import estimating, schedule, sender_choice, throttle, versions
from campaigns.body import Body
from campaigns.models import Campaign, Message, MessageAudience, MessageEdit, TestSend
from campaigns.quiet import Quiet
from channels.merge import ContentRefused, Problem
from channels.models import Sender
from channels.rendering import Compiled
from engage.orgs.formatting import number
from engage.orgs.models import OrgSettings

SNAPSHOT_AGE: Final = timedelta(days=7)
NEAR: Final = timedelta(hours=24)
# Fewer control customers give no verdict (M-32).
LEAST_CONTROL: Final = 100
# How far the count may move between typing the number and submitting.
TYPED_WITHIN: Final = 0.01


@dataclass(frozen=True)
class Line:
    """A fault or a warning, with the wizard's step where it is mended."""

    code: str
    text: str
    step: str
    blocks: bool = False


@dataclass
class Facts:
    """A message with what the checks read; content is compiled once. `targeted` None: not counted."""

    message: Message
    campaign: Campaign
    settings: OrgSettings
    at: datetime
    targeted: int | None = None
    content_errors: int = 0
    overlapping: Sequence[str] = field(default_factory=list)

    @cached_property
    def body(self) -> Body:
        return versions.outline(self.message, self.campaign, self.settings)

    @cached_property
    def compiled(self) -> list[Compiled | ContentRefused]:
        outcomes: list[Compiled | ContentRefused] = []
        for content in self.body.contents:
            try:
                outcomes.append(versions.compile_one(self.message, content, self.body))
            except ContentRefused as refused:
                outcomes.append(refused)
        return outcomes

    @cached_property
    def audiences(self) -> list[MessageAudience]:
        rows = MessageAudience.objects.for_org(self.message.org_id).filter(message=self.message)
        return list(rows.select_related("audience__current").order_by("exclude", "audience_id"))


Check = Callable[[Facts], Iterator[Line]]
_CHECKS: list[Check] = []


def check(judge: Check) -> Check:
    """Register a check."""
    _CHECKS.append(judge)
    return judge


def judge(facts: Facts) -> list[Line]:
    """Every line, blockers first."""
    lines = [line for one in _CHECKS for line in one(facts)]
    return sorted(lines, key=lambda line: not line.blocks)


def blockers(
    message: Message, campaign: Campaign, settings: OrgSettings, *, at: datetime, targeted: int | None
) -> list[Line]:
    facts = Facts(message, campaign, settings, at, targeted)
    return [line for line in judge(facts) if line.blocks]


def _block(code: str, text: str, step: str) -> Line:
    return Line(code, text, step, blocks=True)


@check
def audience(facts: Facts) -> Iterator[Line]:
    included = [row for row in facts.audiences if not row.exclude]
    if not included:
        yield _block("audience_missing", "Choose at least one audience.", "audience")
    for row in facts.audiences:
        chosen = row.audience
        if chosen.current is None:
            yield _block("audience_missing", f"“{chosen}” is still being read.", "audience")
        elif not chosen.current.usable:
            yield _block(
                "audience_missing",
                f"Over half the rows of “{chosen}” were rejected. Look at it and choose “Use anyway”, or upload again.",
                "audience",
            )
        elif chosen.archived_at:
            yield _block(
                "audience_missing", f"“{chosen}” is archived. Restore it or choose another.", "audience"
            )
    if included and facts.targeted == 0:
        yield _block("audience_empty", "Nobody is in the chosen audiences.", "audience")


@check
def old_snapshot(facts: Facts) -> Iterator[Line]:
    for row in facts.audiences:
        current = row.audience.current
        if (
            row.audience.kind == Audience.Kind.UPLOAD
            and current
            and current.created_at < facts.at - SNAPSHOT_AGE
        ):
            days = (facts.at - current.created_at).days
            yield Line("old_list", f"The list “{row.audience}” is {days} days old.", "audience")


@check
def content(facts: Facts) -> Iterator[Line]:
    if not facts.body.contents:
        yield _block("content_missing", "Write the content.", "content")
    for outcome in facts.compiled:
        if isinstance(outcome, ContentRefused):
            problems: tuple[Problem, ...] = outcome.problems
            yield from (_block(problem.code, problem.text, "content") for problem in problems)
        else:
            yield from (Line("content", text, "content") for text in outcome.warnings)
    if facts.content_errors:
        yield Line(
            "merge_values",
            f"{number(facts.content_errors, facts.settings)} customers lack a value for a merge tag without fallback "
            "and would be skipped.",
            "content",
        )


@check
def sender(facts: Facts) -> Iterator[Line]:
    chosen = facts.message.sender
    if chosen is None:
        yield _block("sender_missing", "Choose a sender.", "delivery")
    elif chosen.channel != facts.message.channel or not sender_choice.usable_by(chosen, facts.campaign):
        yield _block(
            "sender_missing", f"“{chosen.name}” cannot send this message. Choose another.", "delivery"
        )
    elif chosen.status != Sender.Status.ACTIVE:
        yield _block("sender_missing", f"The sender “{chosen.name}” is not active.", "delivery")


@check
def time(facts: Facts) -> Iterator[Line]:
    if facts.message.mode != Message.Mode.DATED:
        return
    planned = schedule.planned_at(facts.message)
    zone = facts.settings.zone
    if planned is None:
        yield _block("time_missing", "Choose a date and a time.", "schedule")
    elif planned < facts.at:
        yield _block("time_past", "The chosen time has passed.", "schedule")
    elif not facts.campaign.starts_at(zone) <= planned < facts.campaign.ends_at(zone):
        yield _block("time_outside", "The chosen time lies outside the campaign's dates.", "schedule")


@check
def quiet_hours(facts: Facts) -> Iterator[Line]:
    if facts.message.message_class != MessageClass.PROMOTIONAL:
        return
    settings = facts.settings
    quiet = Quiet(settings.quiet_from, settings.quiet_until, settings.zone)
    due_at = schedule.planned_at(facts.message) or facts.at
    if quiet.opens_at(due_at) != due_at:
        yield Line(
            "quiet_hours",
            f"It is due in quiet hours ({settings.quiet_from:%H:%M} to {settings.quiet_until:%H:%M}); nothing goes out "
            "before they end.",
            "schedule",
        )


@check
def brand_group(facts: Facts) -> Iterator[Line]:
    group = facts.body.copy_group
    if group and not facts.body.copies:
        yield Line(
            "copies", f"Nobody of the brand group “{group}” has an address on this channel.", "delivery"
        )


@check
def pace(facts: Facts) -> Iterator[Line]:
    if throttle.of(facts.body) is None:
        return
    begins_at = schedule.begins_at(facts.message, facts.campaign, facts.settings, at=facts.at)
    expected = estimating.estimate(facts.body, facts.targeted or 0, facts.settings, at=begins_at)
    if expected is None:
        yield _block(
            "never_open", "Quiet hours and the throttle's times leave no minute of the day.", "delivery"
        )
    elif expected.ends_at > facts.campaign.ends_at(facts.settings.zone):
        yield Line(
            "too_slow", "At this pace the campaign ends before everybody has had their turn.", "delivery"
        )


@check
def large_send(facts: Facts) -> Iterator[Line]:
    count, typed = facts.targeted, facts.message.typed_recipients
    if count is None or count <= facts.settings.large_send:
        return
    if typed is None or abs(count - typed) > count * TYPED_WITHIN:
        shown, guard = (number(n, facts.settings) for n in (count, facts.settings.large_send))
        text = f"{shown} recipients are more than {guard}. Type the number to confirm it."
        yield _block("large_send", text, "review")


@check
def picked_values(facts: Facts) -> Iterator[Line]:
    for kind, gone in missing_values(facts.campaign).items():
        yield _block(
            "values_gone",
            f"The campaign's objective names {kind} that no longer exist: {', '.join(gone)}.",
            "campaign",
        )


# The kinds of values that an objective names (C-04), and where they live.
VALUE_MODELS: Final = {"items": Product, "categories": Category, "stores": Store, "zones": Zone}


def missing_values(campaign: Campaign) -> dict[str, list[str]]:
    """The codes of the campaign's objective that are gone, by kind."""
    missing = {}
    for kind, codes in campaign.objective_values.items():
        model = VALUE_MODELS[kind]
        found = set(
            model.objects.for_org(campaign.org_id).filter(code__in=codes).values_list("code", flat=True)  # type: ignore[attr-defined]  # every model has one
        )
        gone = sorted(set(codes) - found)
        if gone:
            missing[kind] = gone
    return missing


@check
def control(facts: Facts) -> Iterator[Line]:
    share = facts.campaign.control_permille / 1000
    if not share:
        yield Line("no_control", "There is no control group, so its effect cannot be measured.", "campaign")
    elif facts.targeted and facts.targeted * share < LEAST_CONTROL:
        held = number(round(facts.targeted * share), facts.settings)
        yield Line(
            "small_control",
            f"About {held} customers are held out. Under {LEAST_CONTROL} the effect stays “too early to tell”.",
            "campaign",
        )
    if facts.message.send_to_control:
        yield Line(
            "sent_to_control", "Control customers get it too, so the lift cannot be measured.", "delivery"
        )


@check
def tested(facts: Facts) -> Iterator[Line]:
    org_id, message = facts.message.org_id, facts.message
    edited = MessageEdit.objects.for_org(org_id).filter(message=message).order_by("-at").first()
    tests = TestSend.objects.for_org(org_id).filter(message=message, result="", finished_at__isnull=False)
    if not tests.filter(at__gte=edited.at if edited else message.created_at).exists():
        yield Line("untested", "No test was sent since the last edit.", "review")


@check
def overlap(facts: Facts) -> Iterator[Line]:
    for title in facts.overlapping:
        yield Line("overlap", f"Over half of these people also get “{title}” within 24 hours.", "schedule")
