"""Compiled SQL and a plain-Python reading of the spec agree on random trees over random data with holes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from audiences import models as m
from audiences.segments import registry, tree
from audiences.segments.frame import Frame
from engage.orgs.models import Org, OrgSettings, User
from tests.audiences.segments import stored
from tests.audiences.segments import world as worlds
from tests.audiences.segments.conftest import Find
from tests.audiences.segments.oracle import Oracle
from tests.audiences.segments.strategies import FIELDS, conditions, trees
from tests.factories import NOW

# The last hours of 28 February of an ordinary year, 29 February, and a morning whose Org day is a day ahead; with zones
# that change their clocks in the weeks around.
PLACES = [
    (1, datetime(2027, 2, 28, 12, 0, tzinfo=UTC), "Asia/Kolkata", 6, "yes"),
    (2, datetime(2028, 2, 29, 22, 30, tzinfo=UTC), "Europe/Berlin", 0, "no"),
    (3, datetime(2027, 3, 31, 20, 0, tzinfo=UTC), "Pacific/Auckland", 3, "double_opt_in"),
]


def _versions(org: Org, by: User, world: worlds.World, oracle: Oracle) -> tuple[int, ...]:
    """Two uploaded lists and a filter."""
    random = Random(0)
    pks = []
    for number in range(3):
        name = f"List {number}"
        kind = m.Audience.Kind.FILTER if number == 2 else m.Audience.Kind.UPLOAD
        audience = m.Audience.objects.create(
            org=org, kind=kind, name=name, created_by=by, created_at=NOW, updated_at=NOW
        )
        data: dict[str, Any] | None = None
        if number == 2:
            asked = {"field": "city", "op": "starts", "value": "pune", "exclude": 1}
            spent = {"field": "transactions", "op": "lte", "value": 1, "exclude": 0}
            data = {
                "version": 1,
                "base": {"unit": None, "audiences": [pks[0]], "loyalty": "both"},
                "blocks": [{"match": "any", "exclude": 0, "items": [asked, spent]}],
            }
        version = m.AudienceVersion.objects.create(
            org=org, audience=audience, number=1, tree=data, digest="", created_by=by, created_at=NOW
        )
        pks.append(version.pk)
        if data is not None:
            oracle.filters[version.pk] = data
            continue
        for person in random.sample(world.people, 15):
            person.lists.add(version.pk)
            m.ListMember.objects.create(org=org, customer_id=person.id, version_id=version.pk)
    return tuple(pks)


@pytest.mark.parametrize(("seed", "at", "zone", "week_start", "unset"), PLACES)
def test_a_compiled_filter_finds_whom_the_spec_means(
    inside: Org, admin: User, find: Find, seed: int, at: datetime, zone: str, week_start: int, unset: str
) -> None:
    """A-26, A-27, A-28, A-29, A-31, A-32, A-33, A-35"""
    OrgSettings.objects.for_org(inside).update(
        time_zone=zone, week_start=week_start, unset_promotional=unset, unset_service=unset
    )
    world = worlds.imagine(inside, seed, at)
    stored.store(world)
    oracle = Oracle(world, zone, week_start, unset)
    lists = _versions(inside, admin, world, oracle)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(trees(lists))
    def agree(data: dict[str, Any]) -> None:
        assert find(data, at) == oracle.find(data), json.dumps(data, ensure_ascii=False)

    agree()


def test_every_field_alone_finds_whom_the_spec_means(inside: Org, admin: User, find: Find) -> None:
    """A-27, A-28, A-29, A-33, A-35: what a deep tree could hide."""
    _seed, at, zone, week_start, unset = PLACES[0]
    OrgSettings.objects.for_org(inside).update(time_zone=zone, week_start=week_start)
    world = worlds.imagine(inside, 7, at, size=80)
    stored.store(world)
    oracle = Oracle(world, zone, week_start, unset)
    lists = _versions(inside, admin, world, oracle)
    for key in sorted(FIELDS):

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(conditions(lists, key))
        def agree(asked: dict[str, Any]) -> None:
            data = {"version": 1, "base": {}, "blocks": [{"match": "all", "items": [asked]}]}
            assert find(data, at) == oracle.find(data), json.dumps(data, ensure_ascii=False)

        agree()


def test_the_oracle_asks_every_field(inside: Org) -> None:
    """A-29"""
    frame = Frame(inside, OrgSettings.objects.for_org(inside).get(), NOW)
    known = {field.key for _group, fields in registry.catalogue(frame) for field in fields}
    assert known == {key for key in FIELDS if ":" not in key}


@pytest.mark.parametrize(("seed", "at", "zone", "week_start", "unset"), PLACES[:1])
def test_a_dumped_tree_reads_back_the_same(
    inside: Org, seed: int, at: datetime, zone: str, week_start: int, unset: str
) -> None:
    """A-31"""
    stored.store(worlds.imagine(inside, seed, at, size=1))
    frame = Frame(inside, OrgSettings.objects.for_org(inside).get(), at)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(trees((1, 2)))
    def agree(data: dict[str, Any]) -> None:
        stored = tree.dump(tree.parse(data, frame))
        again = tree.dump(tree.parse(json.loads(json.dumps(stored)), frame))
        assert again == stored
        assert tree.digest(again) == tree.digest(stored)

    agree()
