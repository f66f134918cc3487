"""Another time than now is for the demo's past campaigns: nothing else can ask for it (decisions 27)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from campaigns import frame, lifecycle
from campaigns.models import Campaign, Message, Run
from engage.local.demo.dates import Shift
from engage.orgs.models import Org
from tests.campaigns import factories as made
from tests.factories import NOW
from tests.test_architecture import ROOT, modules, tree

LOADER = ROOT / "engage" / "local" / "demo"
NAMES = ("simulated", "clock_shift")


def _handed_on(value: ast.expr) -> bool:
    """What a row or a parameter says already: `run.clock_shift`, `now.campaign.simulated`, `clock_shift`."""
    return (isinstance(value, ast.Attribute) and value.attr in NAMES) or (
        isinstance(value, ast.Name) and value.id in NAMES
    )


def _asks(call: ast.Call) -> bool:
    """Whether the call is a question of rows."""
    return isinstance(call.func, ast.Attribute) and call.func.attr in {"filter", "exclude"}


def _decisions(path: Path) -> Iterator[int]:
    """The lines on which a module decides that something is simulated or shifted, rather than handing it on."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and not _asks(node):
            yield from (
                word.value.lineno
                for word in node.keywords
                if word.arg in NAMES and not _handed_on(word.value)
            )
        targets = node.targets if isinstance(node, ast.Assign) else []
        yield from (
            target.lineno for target in targets if isinstance(target, ast.Attribute) and target.attr in NAMES
        )


def test_only_the_loader_says_that_something_is_simulated_or_at_another_time() -> None:
    """Decisions 27: no page, task, command or API does."""
    deciding = {path for path in modules() if "models" not in path.parts and list(_decisions(path))}

    assert {path.relative_to(LOADER).as_posix() for path in deciding if path.is_relative_to(LOADER)} == {
        "past.py"
    }
    assert [path for path in deciding if not path.is_relative_to(LOADER)] == []


def test_a_campaign_cannot_be_edited_into_a_simulated_one(inside: Org) -> None:
    """Decisions 27"""
    writer = made.person(inside, "marketer")
    campaign = made.campaign(inside, writer)

    changed = frame.change(
        campaign, {"simulated": True, "description": "new"}, access=made.access(writer, inside),
        settings=made.settings_of(inside), at=NOW, revision=campaign.revision,
    )  # fmt: skip

    assert changed.description == "new"
    assert not Campaign.objects.for_org(inside).get(pk=campaign.pk).simulated


def test_a_run_of_a_real_campaign_is_not_opened_at_another_time(inside: Org) -> None:
    """Decisions 27"""
    story = made.Story(inside)
    message = story.to("scheduled")

    with pytest.raises(lifecycle.MoveRefused, match="Only a simulated campaign"):
        lifecycle.open_run(message, at=NOW + timedelta(minutes=1), clock_shift=-86_400)

    assert Message.objects.for_org(inside).get(pk=message.pk).run is None


def test_the_database_refuses_a_shifted_run_that_is_not_simulated(inside: Org) -> None:
    """Decisions 27"""
    run = made.Story(inside).to("preparing").run
    assert run is not None

    with pytest.raises(IntegrityError, match="clock_shift_only_when_simulated"), transaction.atomic():
        Run.objects.for_org(inside).filter(pk=run.pk).update(clock_shift=-60)


def test_a_year_is_brought_up_to_a_day_at_the_same_hours() -> None:
    """Both sides of a clock change keep the time on the clock."""
    zone = ZoneInfo("America/New_York")
    last = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)  # 23:01:20 on 31 December there

    for ends_on in (date(2026, 11, 23), date(2026, 7, 14)):
        shift = Shift.ending(last, on=ends_on, zone=zone)
        assert shift.instant(last).astimezone(zone) == datetime(
            ends_on.year, ends_on.month, ends_on.day, 23, 1, 20, tzinfo=zone
        )
        assert shift.day(date(2017, 12, 31)) == ends_on
        noon = datetime(2017, 7, 4, 16, 0, tzinfo=UTC)
        assert shift.instant(noon).astimezone(zone).hour == 12
