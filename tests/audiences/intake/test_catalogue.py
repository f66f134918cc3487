"""Stores, zones and products."""

from __future__ import annotations

from typing import Any

import pytest

from audiences.intake import Answers, Kind, take
from audiences.models import Category, Product, Store, Zone
from engage.orgs.founding import add_unit
from engage.orgs.models import Org
from tests.audiences.intake.asking import NOW, customers, verdicts


def taken(org: Org, kind: Kind, *records: dict[str, Any]) -> Answers:
    return take(org, kind, records, source="test", at=NOW)


def paths(org: Org) -> dict[str, str]:
    return dict(Zone.objects.for_org(org).values_list("code", "path"))


def test_zones_are_a_tree_and_a_moved_one_takes_all_below_along(inside: Org) -> None:
    """A-12, A-13"""
    tree = [
        {"code": "in", "name": "India"},
        {"code": "west", "parent": "in"},
        {"code": "pune", "parent": "west"},
        {"code": "south", "parent": "in"},
    ]
    assert verdicts(taken(inside, Kind.ZONES, *tree)) == ["created"] * 4
    assert verdicts(taken(inside, Kind.ZONES, *tree)) == ["unchanged"] * 4
    assert paths(inside)["pune"] == ">in>west>pune>"
    assert verdicts(taken(inside, Kind.ZONES, {"code": "west", "parent": "south"})) == ["updated"]
    assert paths(inside)["pune"] == ">in>south>west>pune>"
    assert verdicts(taken(inside, Kind.ZONES, {"code": "west", "parent": ""})) == ["updated"]
    assert paths(inside) == {"in": ">in>", "west": ">west>", "pune": ">west>pune>", "south": ">in>south>"}
    assert Zone.objects.for_org(inside).get(code="west").name == "west"


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"code": "a", "parent": "nowhere"}, "unknown_parent"),
        ({"code": "west", "parent": "pune"}, "cycle"),
        ({"code": "west", "parent": "west"}, "cycle"),
        ({"code": "a>b"}, "bad_code"),
        ({"name": "x"}, "missing"),
        ({"code": "a", "colour": "red"}, "unknown_field"),
    ],
)
def test_a_zone_that_cannot_be_is_rejected(inside: Org, record: dict[str, Any], code: str) -> None:
    """A-16"""
    taken(inside, Kind.ZONES, {"code": "west"}, {"code": "pune", "parent": "west"})
    answer = taken(inside, Kind.ZONES, record).rows[0]
    assert (answer.verdict.value, answer.code) == ("rejected", code)


def test_a_store_has_a_zone_and_a_unit_and_completes_its_stub(inside: Org) -> None:
    """A-12, A-13, A-15"""
    unit = add_unit(inside, name="North", code="north", by=None, at=NOW)
    customers(inside, {"external_id": "C-1", "home_store": "P1"})
    taken(inside, Kind.ZONES, {"code": "west"})
    record = {
        "code": "P1",
        "name": "Pune",
        "zone": "west",
        "unit": "north",
        "city": "Pune",
        "country": "IN",
        "online": "no",
    }
    assert verdicts(taken(inside, Kind.STORES, record)) == ["updated"]
    assert verdicts(taken(inside, Kind.STORES, record)) == ["unchanged"]
    store = Store.objects.for_org(inside).select_related("zone").get()
    assert (store.name, store.stub, store.zone.code, store.unit_id) == ("Pune", False, "west", unit.pk)
    assert verdicts(taken(inside, Kind.STORES, {"code": "P1", "zone": "", "name": ""})) == ["updated"]
    store.refresh_from_db()
    assert (store.name, store.zone_id, store.unit_id) == ("P1", None, unit.pk)
    bad = taken(inside, Kind.STORES, {"code": "P2", "zone": "x"}, {"code": "P3", "unit": "x"})
    assert [(row.code, row.field) for row in bad.rows] == [("unknown_zone", "zone"), ("unknown_unit", "unit")]


def test_a_product_names_its_category_from_the_top_down(inside: Org) -> None:
    """A-12, A-13"""
    record = {"code": "S1", "name": "Vanilla", "brand": "Northline", "category": "Grocery > Frozen / ice > Ice  Cream",
              "attribute.colour": "white"}  # fmt: skip
    assert (
        verdicts(taken(inside, Kind.PRODUCTS, record, {"code": "S2", "category": "grocery > FROZEN / ICE"}))
        == ["created"] * 2
    )
    assert verdicts(taken(inside, Kind.PRODUCTS, record)) == ["unchanged"]
    product = Product.objects.for_org(inside).select_related("category").get(code="S1")
    assert (product.category.name, product.category.path, product.attributes) == (
        "Ice Cream", ">grocery>frozen / ice>ice cream>", {"colour": "white"},
    )  # fmt: skip
    assert [c.name for c in Category.objects.for_org(inside)] == ["Grocery", "Frozen / ice", "Ice Cream"]
    taken(
        inside, Kind.PRODUCTS, {"code": "S1", "category": "", "attribute.colour": "", "attribute.size": "9"}
    )
    product.refresh_from_db()
    assert (product.category_id, product.attributes, product.name) == (None, {"size": "9"}, "Vanilla")
    assert taken(inside, Kind.PRODUCTS, {"code": "S3", "category": "a >> b"}).rows[0].code == "bad_category"


def test_several_records_of_one_code_are_taken_in_order(inside: Org) -> None:
    """A-13, Q-18"""
    answers = taken(
        inside, Kind.PRODUCTS, {"code": "S1"}, {"code": "S1", "name": "x"}, {"code": "S1", "name": "x"}
    )
    assert verdicts(answers) == ["created", "updated", "unchanged"]
    assert Product.objects.for_org(inside).get().name == "x"
