"""Who a message is for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.db import connection

from audiences import lists, selection
from audiences.models import Audience, AudienceVersion
from engage.orgs.access import access_of
from engage.orgs.founding import add_unit
from engage.orgs.models import Org, OrgSettings, OrgUnit, User
from engage.orgs.tenancy import org_context
from tests.audiences.factories import asks, customer, tree, uploaded
from tests.factories import NOW


def _settings(org: Org) -> OrgSettings:
    return OrgSettings.objects.for_org(org).get()


def _filter(org: Org, by: User, *items: dict[str, object], name: str = "Filter") -> Audience:
    access = access_of(by, org)
    assert access is not None
    return lists.create_filter(access, _settings(org), name=name, unit=None, data=tree(*items), at=NOW)


def _version(audience: Audience) -> AudienceVersion:
    assert audience.current is not None
    return audience.current


def _places(
    org: Org,
    include: Sequence[Audience],
    exclude: Sequence[Audience] = (),
    unit: OrgUnit | None = None,
    only: str = "",
) -> dict[int, str]:
    chosen = selection.select(
        org,
        _settings(org),
        [_version(one) for one in include],
        [_version(one) for one in exclude],
        unit.pk if unit else None,
        NOW,
        only=only,
    )
    assert all(name == "org" or name.startswith("sel_") for name in chosen.params)
    with connection.cursor() as cursor:
        cursor.execute(chosen.sql, chosen.params | {"low": 0, "high": 10**9})
        rows = cursor.fetchall()
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_a_customer_of_several_lists_is_one_customer_and_exclusions_win(inside: Org, admin: User) -> None:
    """A-37, A-39"""
    ann, bob, eve = (customer(inside, city=city) for city in ("Pune", "Pune", "Goa"))
    pune = _filter(inside, admin, asks("city", "is", "Pune"))
    listed = uploaded(inside, admin, [bob, eve])
    gone = uploaded(inside, admin, [eve], name="Gone")

    assert _places(inside, [pune, listed]) == {ann.id: "", bob.id: "", eve.id: ""}
    assert _places(inside, [pune, listed], [gone]) == {ann.id: "", bob.id: "", eve.id: "excluded"}
    assert _places(inside, [listed], [pune, gone]) == {bob.id: "excluded", eve.id: "excluded"}


def test_a_units_message_reaches_only_its_own_customers(inside: Org, admin: User) -> None:
    """T-05, A-37, A-38: the first step that applies is the reason."""
    north = add_unit(inside, name="North", code="north", by=admin, at=NOW)
    mine, theirs, both = customer(inside, units=[north]), customer(inside), customer(inside)
    everybody, gone = uploaded(inside, admin, [mine, theirs, both]), uploaded(inside, admin, [both])

    assert _places(inside, [everybody], [gone], north) == {
        mine.id: "",
        theirs.id: "out_of_unit",
        both.id: "excluded",
    }


def test_a_merged_customer_is_in_no_audience(inside: Org, admin: User) -> None:
    """A-02"""
    kept = customer(inside, city="Pune")
    gone = customer(inside, city="Pune", merged_into=kept.id)

    assert _places(inside, [_filter(inside, admin, asks("city", "is", "pune"))]) == {kept.id: ""}
    assert _places(inside, [uploaded(inside, admin, [kept, gone])]) == {kept.id: ""}


def test_a_filter_may_name_lists_and_filters_and_keeps_to_their_versions(inside: Org, admin: User) -> None:
    """A-26, A-29, A-43"""
    ann, bob = customer(inside, city="Pune"), customer(inside, city="Goa")
    pune = _filter(inside, admin, asks("city", "is", "Pune"))
    outside = _filter(inside, admin, asks("audience", "none_of", [_version(pune).pk]), name="Outside")
    assert _places(inside, [outside]) == {bob.id: ""}

    access = access_of(admin, inside)
    assert access is not None
    data = tree(asks("city", "is", "Goa"))
    pune = lists.revise_filter(access, _settings(inside), pune, name="Goa", data=data, seen=1, at=NOW)
    assert _places(inside, [pune]) == {bob.id: ""}
    assert _places(inside, [outside]) == {bob.id: ""}
    assert ann.id not in _places(inside, [outside])


def test_a_slice_of_customers_can_be_selected_alone(inside: Org, admin: User) -> None:
    """A-39"""
    first, second = customer(inside, city="Pune"), customer(inside, city="Pune")
    pune = _filter(inside, admin, asks("city", "is", "Pune"), asks("transactions", "eq", 0))
    assert _places(inside, [pune], only=f"{{id}} > {first.id}") == {second.id: ""}
    assert _places(inside, [pune], only="{id} > %(low)s AND {id} <= %(high)s").keys() == {first.id, second.id}


def test_nothing_is_selected_without_an_audience(inside: Org) -> None:
    """A-37"""
    with pytest.raises(ValueError, match="at least one"):
        selection.select(inside, _settings(inside), [], [], None, NOW)


def test_another_orgs_customers_are_in_no_audience(org: Org, other_org: Org, admin: User) -> None:
    """Q-09"""
    with org_context(other_org.pk):
        customer(other_org, city="Pune")
    with org_context(org.pk):
        mine = customer(org, city="Pune")
        assert _places(org, [_filter(org, admin)]) == {mine.id: ""}
