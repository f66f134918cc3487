"""So many an hour and no more, whatever the number of lanes, until a day or a run is over (C-41)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from time import sleep
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from campaigns import batches, lifecycle, progress, quiet, sweeper, throttle
from campaigns.clock import database_now
from campaigns.models import Allowance, Chunk, Delivery, Run
from campaigns.quiet import Quiet
from campaigns.throttle import LEAST, MOST, Throttle
from channels.models import Sender
from engage.orgs.tenancy import org_context
from tests.campaigns import factories as made
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import begin, drive, lane
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier

HOUR = timedelta(hours=1)
KOLKATA = ZoneInfo("Asia/Kolkata")


@given(st.integers(LEAST, MOST), st.integers(0, 10**8))
def test_the_minutes_of_any_hour_add_up_to_its_number_at_most(per_hour: int, minute: int) -> None:
    """C-41: an hour touches 61 minutes, and what is announced in the last of them may leave in the next."""
    shares = [Throttle(per_hour).share(minute + n) for n in range(62)]
    assert sum(shares) == per_hour
    assert max(shares) - min(shares) <= 1  # no minute has more than its part of the hour
    assert min(shares) >= 1


def _in_any_hour(times: Sequence[datetime]) -> int:
    ordered = sorted(times)
    return max(sum(1 for at in ordered if first <= at < first + HOUR) for first in ordered)


def _lanes(world: World, run: Run, number: int) -> None:
    """So many lanes at once, as so many workers."""

    def work(_: int) -> None:
        try:
            lane(world, run)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as hands:
        list(hands.map(work, range(number)))


def _turns(world: World, run: Run) -> list[datetime]:
    """When each row had its turn, sent or held out."""
    with org_context(world.org.pk):
        rows = Delivery.objects.for_org(world.org).filter(run_id=run.pk, seq__gt=0)
        return list(rows.values_list("state_at", flat=True))


def _a_minute_on(world: World) -> None:
    """The runs' own clock, moved on: what they date by it is dated a minute later."""
    world.execute(
        "UPDATE campaigns_run SET simulated = true, clock_shift = clock_shift + 60 WHERE org_id = %(org)s"
    )


@pytest.fixture
def early() -> None:
    """Not in the last seconds of a minute: what is asserted of one must not reach into the next."""
    if (second := database_now().second) > 50:
        sleep(60 - second)


def test_no_hour_gets_more_than_its_number_however_many_lanes_there_are(
    transactional_db: None, carrier: Carrier, settings: Settings
) -> None:
    """C-41, C-24: lanes that begin together share each minute; control rows take part, and nobody is lost."""
    settings.SEND_LANES, settings.SEND_CHUNK_ROWS = 4, 20
    world = worlds.make(carrier, 130, control_permille=300)
    run = begin(world, throttle_per_hour=LEAST)
    for _ in range(100):
        _lanes(world, run, 4)
        if world.fresh(run).status == Run.Status.COMPLETED:
            break
        _a_minute_on(world)
    counts = check(world, run)
    assert counts["sent"] + counts["held_out"] == 130
    assert counts["held_out"] > 20
    turns = _turns(world, run)
    assert _in_any_hour(turns) <= LEAST
    by_minute = Counter(throttle.minute_of(at) for at in turns)
    assert max(by_minute.values()) <= 2 * 2  # a minute's share, and what is answered in it of the one before
    with org_context(world.org.pk):
        assert Allowance.objects.for_org(world.org).filter(scope=f"run:{run.pk}").count() == 1


def test_a_lane_without_an_allowance_leaves_and_is_rung_for_the_next_batch(world: World, early: None) -> None:
    """C-41, Q-08: nobody sleeps, and nobody is rung before there is something to begin."""
    run = begin(world, throttle_per_hour=LEAST)
    left = lane(world, run)
    assert left.reason == "allowance"
    assert left.again_in is not None
    assert 0 < left.again_in <= 60
    assert check(world, run, settled=False)["sent"] in {1, 2}
    assert sweeper.look_after(world.org.pk).lanes == []
    assert world.fresh(run).status == Run.Status.SENDING
    _a_minute_on(world)
    assert sweeper.look_after(world.org.pk).lanes == [run.pk]


def test_what_a_window_does_not_need_is_left_for_others(world: World, early: None) -> None:
    """C-41: who is skipped at their turn has not used up anybody's allowance."""
    run = begin(world, throttle_per_hour=LEAST)
    for someone in world.people[:18]:
        world.opt_out(someone)
    lane(world, run)
    counts = check(world, run, settled=False)
    assert counts["skipped/unsubscribed"] == 18
    assert counts["sent"] in {1, 2}
    with org_context(world.org.pk):
        used = Allowance.objects.for_org(world.org).get(scope=f"run:{run.pk}").used
    assert used == counts["sent"]


def test_a_senders_day_and_a_throttle_hold_together(world: World, early: None) -> None:
    """C-41, H-30: the stricter of both, and what the one does not let go the other does not count."""
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).filter(pk=world.sender.pk).update(per_day=3)
    run = begin(world, throttle_per_hour=6_000)
    assert lane(world, run).reason == "allowance"
    assert check(world, run, settled=False) == {"sent": 3}
    with org_context(world.org.pk):
        used = dict(Allowance.objects.for_org(world.org).values_list("scope", "used"))
    assert used == {f"run:{run.pk}": 3, f"sender:{world.sender.pk}": 3}


def test_a_fast_throttle_holds_nobody_up(world: World) -> None:
    """C-41"""
    run = begin(world, throttle_per_hour=MOST)
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_a_stop_acts_at_once_on_what_waits_for_its_batch(world: World, early: None) -> None:
    """C-44, C-41"""
    run = begin(world, throttle_per_hour=LEAST)
    lane(world, run)
    sent = check(world, run, settled=False)["sent"]
    with org_context(world.org.pk):
        lifecycle.stop(world.fresh(run).message, by=world.admin, at=database_now())
    _a_minute_on(world)
    lane(world, run)
    sweeper.look_after(world.org.pk)
    assert check(world, run) == {"sent": sent, "cancelled/stopped": 20 - sent}


def _clock(world: World, hours: float) -> time:
    """The time of day in the org, so many hours from now."""
    with org_context(world.org.pk):
        zone = made.settings_of(world.org).zone
    return (database_now() + timedelta(hours=hours)).astimezone(zone).time().replace(second=0, microsecond=0)


def test_outside_its_hours_of_the_day_a_message_waits(world: World) -> None:
    """C-41, C-40"""
    run = begin(
        world, throttle_per_hour=MOST, throttle_from=_clock(world, 2), throttle_until=_clock(world, 5)
    )
    assert lane(world, run).reason in {"quiet", "idle"}
    assert not world.accepted(run)
    with org_context(world.org.pk):
        chunk = Chunk.objects.for_org(world.org).get(run_id=run.pk)
        assert timedelta(hours=1.9) < chunk.not_before - database_now() <= timedelta(hours=2)
        assert chunk.not_after == chunk.not_before + timedelta(hours=3)


def test_the_service_class_knows_no_quiet_hours_but_its_own_throttle(
    transactional_db: None, carrier: Carrier
) -> None:
    """C-16, C-41"""
    world = worlds.make(carrier, 2, service_class=True)
    hours = {"throttle_from": _clock(world, 2), "throttle_until": _clock(world, 5)}
    run = begin(world, message_class="service", throttle_per_hour=MOST, **hours)
    lane(world, run)
    assert not world.accepted(run)


@given(
    st.integers(LEAST, MOST),
    st.integers(1, 2_000_000),
    st.integers(0, 10**6),
    st.none() | st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda pair: pair[0] != pair[1]),
)
def test_the_expected_end_is_when_minute_by_minute_the_last_row_goes(
    per_hour: int, rows: int, minute: int, closed: tuple[int, int] | None
) -> None:
    """C-41: within a few minutes of a day by day count, pauses included."""
    rows = min(rows, 12 * per_hour)
    rule = Quiet(time(closed[0]), time(closed[1]), KOLKATA) if closed else None
    rules = (rule,) if rule else ()
    at = datetime(2026, 1, 1, tzinfo=UTC) + minute * throttle.MINUTE
    limit = Throttle(per_hour, rule)
    end = throttle.ends_at(limit, rows, at=at, rules=rules)
    assert end is not None
    left, now = rows, at
    while left > 0:
        now = quiet.opens_at(now, *rules)
        left -= limit.share(throttle.minute_of(now))
        now += throttle.MINUTE
    pauses = (end - at) // timedelta(days=1) + 1
    assert abs(end - now) <= (2 + pauses) * throttle.MINUTE or _around_a_pause(end, now, rule)


def _around_a_pause(one: datetime, other: datetime, rule: Quiet | None) -> bool:
    """One count ends just before a pause, the other just after it."""
    if rule is None:
        return False
    first, last = sorted((one, other))
    reopens = rule.opens_at(first + 3 * throttle.MINUTE)
    return last - reopens <= 5 * throttle.MINUTE


def test_hours_that_leave_no_minute_open_have_no_end() -> None:
    """C-41, C-40"""
    night, rest = Quiet(time(21), time(9), KOLKATA), Quiet(time(9), time(21), KOLKATA)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert throttle.ends_at(Throttle(500), 10, at=at, rules=(night, rest)) is None


def test_the_next_batch_and_the_expected_end_are_told(world: World, early: None) -> None:
    """C-41"""
    run = begin(world, throttle_per_hour=LEAST)
    with org_context(world.org.pk):
        fresh, live = world.fresh(run), made.settings_of(world.org)
        before = batches.of_run(fresh, progress.of_run(fresh), live, at=database_now())
    assert before is not None
    assert before.next_at is None
    lane(world, run)
    with org_context(world.org.pk):
        at, counts = database_now(), progress.of_run(fresh)
        told = batches.of_run(fresh, counts, live, at=at)
        assert told is not None
        assert told.next_at is not None
        assert timedelta() < told.next_at - at <= throttle.MINUTE
        assert told.ends_at is not None
        expected = at + counts.queued * timedelta(minutes=62) / LEAST
        assert abs(told.ends_at - expected) <= throttle.MINUTE
        lifecycle.pause(fresh.message, by=world.admin, at=database_now())
        assert batches.of_run(world.fresh(run), counts, live, at=at) is None


@pytest.mark.parametrize(("per_hour", "lanes"), [(None, 2), (MOST, 1), (LEAST, 1)])
def test_a_throttled_run_is_worth_what_a_minute_takes(per_hour: int | None, lanes: int) -> None:
    """C-41"""
    assert sweeper.lanes_wanted(1_000_000, per_hour) == lanes
