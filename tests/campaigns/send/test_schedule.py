"""When things run: wall clocks on days of 23 and 25 hours, quiet hours, grace, the hold (C-34 to C-40, Q-05, Q-06)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from campaigns import freeze, lifecycle, scheduling, sweeper
from campaigns.clock import database_now
from campaigns.local_time import resolve
from campaigns.models import Chunk, Message, Occurrence, Run
from campaigns.quiet import Quiet, closes_at, opens_at
from engage.orgs.models import DueWork, OrgSettings
from engage.orgs.tenancy import org_context
from tests.campaigns.send.driving import drive, lane
from tests.campaigns.send.workers import tell
from tests.campaigns.send.world import World, check

NIGHT = [time(hour, minute) for hour in range(5) for minute in (0, 30)] + [time(23, 45)]
NEAR = timedelta(seconds=1)
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


def _transitions(zone: ZoneInfo) -> list[datetime]:
    """The instants at which the offset changes, found by looking every day and then halving."""
    found, at, offset = [], FIRST, FIRST.astimezone(zone).utcoffset()
    while at < LAST:
        after = (at + timedelta(days=1)).astimezone(zone).utcoffset()
        if after != offset:
            low, high = at, at + timedelta(days=1)
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
            found.append(high.replace(microsecond=0))
        at, offset = at + timedelta(days=1), after
    return found


def _day_by_the_definition(day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The instants around a local day, every five minutes, with what the wall shows."""
    noon = datetime.combine(day, time(12), UTC)
    instants = (noon + timedelta(minutes=minutes) for minutes in range(-36 * 60, 36 * 60, 5))
    return [(at, at.astimezone(zone).replace(tzinfo=None)) for at in instants]


def test_every_zone_and_transition_has_one_instant_for_a_local_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """C-37, Q-05: one occurrence a date; a skipped time runs right after the gap, a repeated one the first time."""
    cells, rules = 0, set()
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        changes = _transitions(zone)
        rule = tuple((at, (at - timedelta(seconds=1)).astimezone(zone).utcoffset()) for at in changes)
        if rule in rules:  # another name of the same rules
            continue
        rules.add(rule)
        for day in {(at + shift).astimezone(zone).date() for at in changes for shift in (-NEAR, NEAR)}:
            wall = _day_by_the_definition(day, zone)
            for clock in NIGHT:
                wanted = datetime.combine(day, clock)
                assert resolve(day, clock, zone) == next(at for at, shown in wall if shown >= wanted), (
                    name,
                    wanted,
                )
                cells += 1
            around = [resolve(day + timedelta(days=n), time(2, 30), zone) for n in (-1, 0, 1)]
            assert sorted(set(around)) == around, (name, day)
    assert cells > 5_000
    tell(
        capsys,
        f"schedule: {cells} zone x day x time cells under {len(rules)} sets of rules, one occurrence each",
    )


KOLKATA, BERLIN = ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "opens"),
    [("20:59", "20:59"), ("21:00", "09:00+1"), ("23:59", "09:00+1"), ("00:00", "09:00"), ("08:59", "09:00"),
     ("09:00", "09:00"), ("12:00", "12:00")],
)  # fmt: skip
def test_quiet_hours_over_midnight(at: str, opens: str) -> None:
    """C-40"""
    rule, day = Quiet(time(21), time(9), KOLKATA), date(2026, 6, 1)

    def instant(text: str) -> datetime:
        clock, _, days = text.partition("+")
        return datetime.combine(day + timedelta(days=int(days or 0)), time.fromisoformat(clock), KOLKATA)

    assert rule.opens_at(instant(at)) == instant(opens)
    if at == opens:
        assert rule.closes_at(instant(at)) == instant("21:00")


def test_quiet_hours_on_the_night_of_a_clock_change_and_the_stricter_of_two() -> None:
    """C-37, C-40, T-24"""
    night = datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN)
    assert Quiet(time(1), time(2, 30), BERLIN).opens_at(night) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    never = Quiet(time(9), time(9), BERLIN)
    assert never.opens_at(night) == night
    assert never.closes_at(night) is None
    early, late = Quiet(time(20), time(8), BERLIN), Quiet(time(22), time(10), BERLIN)
    assert opens_at(night, early, late) == datetime(2026, 3, 29, 8, tzinfo=UTC)
    noon = datetime(2026, 3, 29, 12, tzinfo=BERLIN)
    assert closes_at(noon, early, late) == datetime(2026, 3, 29, 18, tzinfo=UTC)
    assert closes_at(noon) is None


def _quiet_now(world: World, *, minutes: int, began: int = 1) -> None:
    """Quiet hours that began so many minutes ago, in Org time, and end after so many."""
    with org_context(world.org.pk):
        rows = OrgSettings.objects.for_org(world.org)
        now = database_now().astimezone(rows.get().zone)
        begins, ends = now - timedelta(minutes=began), now + timedelta(minutes=minutes)
        rows.update(
            quiet_from=begins.time().replace(microsecond=0), quiet_until=ends.time().replace(microsecond=0)
        )


def test_a_run_due_in_quiet_hours_waits_for_their_end(world: World) -> None:
    """C-40, Q-07"""
    _quiet_now(world, minutes=30, began=10)
    run = world.run()
    freeze.freeze(world.org.pk, run.pk)
    with org_context(world.org.pk):
        chunk = Chunk.objects.for_org(world.org).get(run_id=run.pk)
        assert timedelta(minutes=25) < chunk.not_before - database_now() < timedelta(minutes=31)
        assert chunk.not_after is not None
    assert sweeper.look_after(world.org.pk).lanes == []
    assert lane(world, run).reason in {"quiet", "idle"}
    assert not world.accepted(run)


def test_quiet_hours_that_begin_while_a_run_goes_out_hold_the_rest(world: World) -> None:
    """C-40, Q-07, A-11: read live with every window, and the stricter of both holds."""
    run = world.run()
    freeze.freeze(world.org.pk, run.pk)
    _quiet_now(world, minutes=30)
    assert lane(world, run).reason == "quiet"
    assert sweeper.look_after(world.org.pk).lanes == []
    with org_context(world.org.pk):
        chunk = Chunk.objects.for_org(world.org).get(run_id=run.pk)
        assert chunk.not_before > database_now() + timedelta(minutes=25)
        OrgSettings.objects.for_org(world.org).update(quiet_from=time(0), quiet_until=time(0))
        Chunk.objects.for_org(world.org).update(not_before=database_now(), not_after=None)
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_service_messages_know_no_quiet_hours(world: World) -> None:
    """C-16, C-40"""
    _quiet_now(world, minutes=30)
    with org_context(world.org.pk):
        OrgSettings.objects.for_org(world.org).update(service_class=True)
    run = world.run(message_class="service")
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_a_due_message_starts_once_and_is_looked_after(world: World) -> None:
    """C-35, Q-05"""
    with org_context(world.org.pk):
        message = world.message()
        assert DueWork.objects.filter(org=world.org, kind=lifecycle.MESSAGE_DUE, ref_id=message.pk).exists()
    run = scheduling.start(world.org.pk, message.pk)
    assert run is not None
    assert scheduling.start(world.org.pk, message.pk) is None
    with org_context(world.org.pk):
        assert Occurrence.objects.for_org(world.org).get(message=message).run_id == run.pk
        assert not DueWork.objects.filter(org=world.org, kind=lifecycle.MESSAGE_DUE).exists()
        assert DueWork.objects.filter(org=world.org, kind=scheduling.SEND_DUE).exists()


def test_nothing_starts_within_the_hold(world: World) -> None:
    """C-34, Q-13"""
    with org_context(world.org.pk):
        message = world.message()
        Message.objects.for_org(world.org).update(hold_until=database_now() + timedelta(seconds=30))
    assert scheduling.start(world.org.pk, message.pk) is None
    with org_context(world.org.pk):
        assert Message.objects.for_org(world.org).get().status == Message.Status.SCHEDULED


def test_a_message_found_later_than_its_grace_never_sends_by_itself(world: World) -> None:
    """C-38, Q-06"""
    with org_context(world.org.pk):
        message = world.message()
        late = database_now() - timedelta(minutes=61)
        Message.objects.for_org(world.org).update(due_at=late, hold_until=None)
    assert scheduling.start(world.org.pk, message.pk) is None
    with org_context(world.org.pk):
        fresh = Message.objects.for_org(world.org).get()
        assert (fresh.status, fresh.status_reason) == (Message.Status.BLOCKED, lifecycle.SCHEDULE_MISSED)
        assert not Run.objects.for_org(world.org).exists()
