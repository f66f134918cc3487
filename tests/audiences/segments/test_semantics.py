"""What a tree may be, what it means where values are missing, and how it reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audiences import models as m
from audiences import profile
from audiences.segments import check, sentence, tree
from audiences.segments.frame import Frame
from audiences.segments.tree import TreeRefused
from engage.orgs import months
from engage.orgs.models import Org, OrgSettings
from tests.audiences.factories import asks, customer
from tests.audiences.factories import tree as tree_of
from tests.audiences.segments.conftest import Find
from tests.factories import NOW


@pytest.fixture
def frame(inside: Org) -> Frame:
    return Frame(inside, OrgSettings.objects.for_org(inside).get(), NOW)


def refused(data: dict[str, Any], frame: Frame) -> dict[str, str]:
    """The problems of a tree by their place."""
    with pytest.raises(TreeRefused) as caught:
        tree.parse(data, frame)
    return {problem.path: problem.text for problem in caught.value.problems}


def nested(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"match": "all", "items": [asks("city", "is", "Pune")]}
    for _level in range(depth - 1):
        node = {"match": "any", "items": [node]}
    return {"version": 1, "base": {}, "blocks": [node]}


def test_groups_stand_five_deep_and_hold_fifty_conditions_in_all(frame: Frame) -> None:
    """A-31"""
    city = asks("city", "is", "Pune")
    tree.parse(nested(5), frame)
    assert "5 deep" in next(iter(refused(nested(6), frame).values()))
    tree.parse(tree_of(*[city] * 50), frame)
    assert refused(tree_of(*[city] * 51), frame)[""] == "Use at most 50 conditions; there are 51."


def test_an_empty_group_is_refused_where_it_stands_and_an_empty_tree_is_everybody(
    inside: Org, frame: Frame, find: Find
) -> None:
    """A-34"""
    everybody = {customer(inside).id for _one in range(3)}
    data = tree_of(asks("city", "is", "Pune"), {"match": "any", "items": []})
    assert "Add a condition" in refused(data, frame)["blocks[0].items[1]"]
    assert find(tree_of()) == everybody


def test_exclude_keeps_whoever_has_no_value_and_is_not_needs_one(inside: Org, find: Find) -> None:
    """A-32"""
    pune, goa, nowhere = (customer(inside, city=city).id for city in ("Pune", "Goa", None))
    assert find(tree_of(asks("city", "is", "Pune"))) == {pune}
    assert find(tree_of(asks("city", "is", "Pune", exclude=1))) == {goa, nowhere}
    assert find(tree_of(asks("city", "is_not", "Pune"))) == {goa}


def test_who_never_bought_did_not_buy_lately_and_has_no_last_purchase(inside: Org, find: Find) -> None:
    """A-33, A-35: a bill that was brought back whole is none"""
    old, lately, brought_back, never = (customer(inside).id for _one in range(4))
    for number, (who, days, back) in enumerate([(old, 60, 0), (lately, 3, 0), (brought_back, 3, 1)], start=1):
        at = NOW - timedelta(days=days)
        months.ensure("audiences_transaction", [at.date()])
        m.Transaction.objects.create(
            org=inside, customer_id=who, id=number, txn_at=at, external_id=f"B{number}", kind="sale", net=500,
            net_after_returns=0 if back else 500, fully_returned=bool(back), received_at=NOW, changed_at=NOW,
        )  # fmt: skip
    profile.recompute(inside, [old, lately, brought_back, never], at=NOW)
    month = {"op": "last", "value": {"n": 30, "unit": "day"}}
    assert find(tree_of(asks("transacted", "did_not", when=month))) == {old, brought_back, never}
    assert find(tree_of(asks("amount", "eq", 0))) == {brought_back, never}
    assert find(tree_of(asks("last_days", "gte", 0))) == {old, lately}
    assert find(tree_of(asks("average_bill", "lt", 10_000))) == {old, lately}


def test_a_zone_means_all_stores_below_it_and_those_that_come_later(inside: Org, find: Find) -> None:
    """A-30"""
    west = m.Zone.objects.create(org=inside, code="west", name="West", path=">west>")
    pune = m.Zone.objects.create(org=inside, code="pune", name="Pune", path=">west>pune>")
    homes = []
    for code, zone in (("S1", west), ("S2", pune), ("S3", None)):
        store = m.Store.objects.create(org=inside, code=code, name=code, zone=zone)
        homes.append(customer(inside, home_store_id=store.pk).id)
    asked = tree_of(asks("home_zone", "any_of", ["west"]))
    assert find(asked) == set(homes[:2])
    later = m.Store.objects.create(org=inside, code="S4", name="S4", zone=pune)
    homes[2] = customer(inside, home_store_id=later.pk).id
    assert find(asked) == set(homes)


def test_codes_that_nothing_has_are_kept_and_listed(frame: Frame) -> None:
    """A-30"""
    read = tree.parse(tree_of(asks("home_store", "any_of", ["S-404"])), frame)
    check.check(read, frame)
    assert [key for keys in check.unknown(read, frame).values() for key in keys] == ["S-404"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "All customers."),
        ([asks("city", "is", "Pune")], "All customers where city is Pune."),
        ([asks("city", "is", "Pune", exclude=1)], "All customers where not (city is Pune)."),
        ([asks("gender", "none_of", ["male"])], "All customers where gender is not Male."),
        (
            [
                asks("amount", "gte", 50_000, when={"op": "last", "value": {"n": 30, "unit": "day"}}),
                {"match": "any", "items": [asks("city", "blank"), asks("transacted", "did_not")]},
            ],
            (
                "All customers where total amount is at least ₹500.00 in the last 30 days "
                "and (city is blank or they bought nothing)."
            ),
        ),
        (
            [asks("bought", "did", where={"brand": {"op": "none_of", "value": ["Acme", "Zest"]}})],
            "All customers where they bought a product with brand other than Acme or Zest.",
        ),
    ],
)
def test_the_page_says_the_tree_as_a_sentence(frame: Frame, asked: list[dict[str, Any]], said: str) -> None:
    """A-32"""
    assert sentence.say(tree.parse(tree_of(*asked), frame), frame) == said
