"""The live count: exact where the base is small, an estimate that says its error above, a number for each condition."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from audiences.models import Customer
from audiences.segments import counting, tree
from audiences.segments.counting import TooSlow, estimated
from audiences.segments.frame import Frame
from engage.orgs.models import Org, OrgSettings
from tests.audiences.factories import asks, customer
from tests.audiences.factories import tree as tree_of
from tests.audiences.segments import stored
from tests.audiences.segments import world as worlds
from tests.audiences.segments.oracle import Oracle
from tests.factories import NOW

AT = datetime(2027, 2, 28, 12, 0, tzinfo=UTC)


def frame_of(org: Org, at: datetime = NOW) -> Frame:
    return Frame(org, OrgSettings.objects.for_org(org).get(), at)


def test_the_tree_its_base_and_each_condition_are_counted_exactly(inside: Org) -> None:
    """A-36: each by itself, as the oracle counts them"""
    settings = OrgSettings.objects.for_org(inside).get()
    world = worlds.imagine(inside, 3, AT, size=120)
    stored.store(world)
    oracle = Oracle(world, settings.time_zone, settings.week_start, settings.unset_promotional)
    conditions = {
        "blocks[0].items[0]": asks("transactions", "gte", 1, exclude=0),
        "blocks[0].items[1].items[0]": asks("city", "starts", "pune", exclude=1),
        "blocks[0].items[1].items[1]": asks("opened", "did", exclude=0),
    }
    first, *others = conditions.values()
    data = tree_of(first, {"match": "any", "items": others})
    found = counting.count(tree.parse(data, frame_of(inside, AT)), frame_of(inside, AT))
    assert (found.size.n, found.size.exact, found.at) == (len(oracle.find(data)), True, AT)
    assert found.base.n == len(oracle.find(tree_of()))
    assert {path: size.n for path, size in found.conditions.items()} == {
        path: len(oracle.find(tree_of(asked))) for path, asked in conditions.items()
    }


def test_above_the_line_it_is_an_estimate_with_its_error_until_counted_exactly(
    inside: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-36"""
    Customer.objects.bulk_create(
        Customer(
            org=inside, id=number, external_id=f"C{number}", city="Pune" if number % 3 else "Goa",
            city_norm="pune" if number % 3 else "goa", created_at=NOW, updated_at=NOW,
        )
        for number in range(1, 6001)
    )  # fmt: skip
    read = tree.parse(tree_of(asks("city", "is", "Pune")), frame_of(inside))
    assert counting.count(read, frame_of(inside)).size.exact
    monkeypatch.setattr(counting, "EXACT_BELOW", 5_999)
    guess = counting.count(read, frame_of(inside)).size
    assert not guess.exact
    assert (guess.low or 0) <= 4000 <= (guess.high or 0)
    assert counting.count(read, frame_of(inside)).size == guess  # the same sample at every look
    assert counting.count(read, frame_of(inside), exactly=True).size == counting.Size(4000)


@pytest.mark.parametrize("sampled", [0, 1, 10, 1000])
def test_the_interval_of_an_estimate_holds_those_that_are_not_far_away(sampled: int) -> None:
    """A-36: n for which 1.96 deviations of n/64 reach what was sampled"""
    size = estimated(sampled)
    assert size.low is not None
    assert size.high is not None
    assert sampled <= size.low <= size.n <= size.high

    def deviations(n: int) -> float:
        return abs(sampled - n / 64) / ((n / 64 * 63 / 64) ** 0.5)

    assert deviations(size.high + 2) > 1.96
    if sampled > 4:
        assert deviations(size.low - 2) > 1.96
        assert deviations(size.low + 2) < 1.96


def test_a_count_that_takes_too_long_is_stopped_and_the_page_goes_on(inside: Org) -> None:
    """A-36"""
    customer(inside)
    with pytest.raises(TooSlow), counting.patience(50), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    assert counting.count(tree.parse(tree_of(), frame_of(inside)), frame_of(inside)).size.n == 1
