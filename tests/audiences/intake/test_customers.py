"""Customers: what a record creates, changes, leaves and clears."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from audiences.contacts import address_key
from audiences.intake import Kind, Verdict, take
from audiences.keys import lookup_key
from audiences.models import (
    AddressRef,
    Attribute,
    AttributeValue,
    ContactPoint,
    Customer,
    CustomerUnit,
    ExternalRef,
    Store,
)
from engage.orgs.founding import add_unit
from engage.orgs.models import Org
from tests.audiences.intake.asking import NOW, customer, customers, one, verdicts


def test_a_customer_has_everything_the_file_says(inside: Org) -> None:
    """A-01, A-06, A-12"""
    unit = add_unit(inside, name="North", code="north", by=None, at=NOW)
    answers = customers(
        inside,
        {
            "external_id": "C-1", "first_name": "Asha", "last_name": "Rao", "gender": "F", "birth_date": "1990-05-17",
            "anniversary": "2015-02-28", "language": "pt_br", "time_zone": "asia/kolkata", "country": "in",
            "region": "Maharashtra", "city": " Pune ", "home_store": "PUN-01", "registered_at": "2024-03-01 10:30",
            "units": "north", "loyalty_member": "yes", "tier": "Gold", "points": "1200", "do_not_disturb": "yes",
            "email": "Asha.Rao@EXAMPLE.com", "phone": "098123 45670",
        },
    )  # fmt: skip
    assert answers.counts == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 0}
    found = customer(inside, "C-1")
    assert (found.full_name, found.gender, found.language, found.time_zone, found.country) == (
        "Asha Rao", "female", "pt-BR", "Asia/Kolkata", "IN",
    )  # fmt: skip
    assert (found.birth_date, found.anniversary) == (date(1990, 5, 17), date(2015, 2, 28))
    assert (found.city, found.city_norm, found.name_norm, found.surname_norm) == (
        "Pune", "pune", "asha rao", "rao",
    )  # fmt: skip
    assert found.registered_at == datetime(2024, 3, 1, 5, 0, tzinfo=UTC)
    assert (found.loyalty_member, found.tier, found.points, found.do_not_disturb) == (
        True,
        "Gold",
        1200,
        True,
    )
    store = Store.objects.for_org(inside).get()
    assert (found.home_store_id, store.code, store.stub) == (store.pk, "PUN-01", True)
    assert list(
        CustomerUnit.objects.for_org(inside).values_list("customer_id", "unit_id", "by_purchase")
    ) == [(found.id, unit.pk, False)]
    contacts = ContactPoint.objects.for_org(inside).order_by("kind")
    assert [(c.kind, c.value, c.is_primary, c.state) for c in contacts] == [
        ("email", "Asha.Rao@example.com", True, "unproven"),
        ("phone", "+919812345670", True, "unproven"),
    ]
    assert (
        AddressRef.objects.for_org(inside).filter(key=address_key("email", "asha.rao@example.com")).exists()
    )
    reference = ExternalRef.objects.for_org(inside).get()
    assert (reference.key, reference.customer_id) == (lookup_key("customer", "C-1"), found.id)


def test_all_but_the_external_id_may_be_missing(inside: Org) -> None:
    """A-01"""
    assert verdicts(customers(inside, {"external_id": "C-1"}, {"first_name": "Nobody"})) == [
        "created",
        "rejected",
    ]
    found = customer(inside, "C-1")
    assert found.full_name == ""
    assert found.do_not_disturb is False


def test_the_same_record_twice_changes_nothing(inside: Org) -> None:
    """A-13, Q-19"""
    record = {
        "external_id": "C-1",
        "first_name": "Asha",
        "email": "a@example.com",
        "points": "7",
        "units": "",
    }
    customers(inside, record)
    before = customer(inside, "C-1")
    later = take(inside, Kind.CUSTOMERS, [record], source="test", at=NOW + timedelta(days=1))
    assert verdicts(later) == ["unchanged"]
    after = customer(inside, "C-1")
    assert (after.id, after.updated_at) == (before.id, before.updated_at)
    assert ContactPoint.objects.for_org(inside).get().state_at == NOW


def test_a_field_left_out_stays_and_an_empty_one_clears(inside: Org) -> None:
    """A-13"""
    customers(
        inside,
        {
            "external_id": "C-1",
            "first_name": "Asha",
            "city": "Pune",
            "email": "a@example.com",
            "phone": "+919812345670",
        },
    )
    assert verdicts(customers(inside, {"external_id": "C-1", "city": "", "phone": None, "tier": "Gold"})) == [
        "updated"
    ]
    found = customer(inside, "C-1")
    assert (found.first_name, found.city, found.city_norm, found.tier) == ("Asha", None, None, "Gold")
    assert [c.value for c in ContactPoint.objects.for_org(inside)] == ["a@example.com"]
    assert [r.kind for r in AddressRef.objects.for_org(inside)] == ["email"]


def test_a_new_primary_address_replaces_the_old_and_other_addresses_stay(inside: Org) -> None:
    """A-06, A-13"""
    customers(
        inside,
        {"external_id": "C-1", "email": "a@example.com", "other_emails": "b@example.com|c@example.com"},
    )
    customers(inside, {"external_id": "C-1", "email": "b@example.com"})
    assert _emails(inside) == {"b@example.com": True, "c@example.com": False}
    customers(inside, {"external_id": "C-1", "other_emails": ["d@example.com"]})
    assert _emails(inside) == {"b@example.com": True, "d@example.com": False}
    customers(inside, {"external_id": "C-1", "email": "D@example.com", "other_emails": ["b@example.com"]})
    assert _emails(inside) == {"D@example.com": True, "b@example.com": False}
    customers(inside, {"external_id": "C-1", "email": ""})
    assert _emails(inside) == {"b@example.com": False}
    assert set(AddressRef.objects.for_org(inside).values_list("value", flat=True)) == {"b@example.com"}


def _emails(org: Org) -> dict[str, bool]:
    return dict(ContactPoint.objects.for_org(org).filter(kind="email").values_list("value", "is_primary"))


def test_a_malformed_address_is_kept_as_invalid_and_the_record_is_taken(inside: Org) -> None:
    """A-10"""
    answers = customers(inside, {"external_id": "C-1", "email": "asha at example", "phone": "12"})
    assert [(row.verdict, row.code) for row in answers.rows] == [(Verdict.CREATED, "invalid_contact")]
    assert {(c.value, c.state) for c in ContactPoint.objects.for_org(inside)} == {
        ("asha at example", "invalid"), ("12", "invalid"),
    }  # fmt: skip
    assert not AddressRef.objects.for_org(inside).exists()


def test_several_records_of_one_customer_in_a_call_are_taken_in_order(inside: Org) -> None:
    """A-13, Q-18"""
    answers = customers(
        inside,
        {"external_id": "C-1", "first_name": "Asha", "city": "Pune"},
        {"external_id": "C-1", "city": "Pune"},
        {"external_id": "C-1", "city": "", "email": "a@example.com"},
    )
    assert verdicts(answers) == ["created", "unchanged", "updated"]
    found = customer(inside, "C-1")
    assert (found.first_name, found.city) == ("Asha", None)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("gender", "woman", "bad_choice"),
        ("birth_date", "17/05/1990", "bad_date"),
        ("birth_date", "1990-02-30", "bad_date"),
        ("language", "english please", "bad_language"),
        ("time_zone", "Pune", "bad_time_zone"),
        ("country", "IND", "bad_country"),
        ("points", "12.5", "too_fine"),
        ("points", "1,200", "bad_number"),
        ("loyalty_member", "maybe", "bad_yes_no"),
        ("first_name", 7, "wrong_type"),
        ("first_name", "a" * 101, "too_long"),
        ("first_name", "a\x00b", "control_character"),
        ("units", "nowhere", "unknown_unit"),
        ("consent_at", "2031-01-01", "in_future"),
        ("shoe_size", "42", "unknown_field"),
        ("external_id", "a>b", "bad_code"),
    ],
)
def test_a_value_that_does_not_fit_rejects_its_record_alone(
    inside: Org, field: str, value: Any, code: str
) -> None:
    """A-04, A-16, Q-18"""
    answers = customers(inside, {"external_id": "C-0"}, {"external_id": "C-1", field: value})
    assert verdicts(answers) == ["created", "rejected"]
    bad = answers.rows[1]
    assert (bad.code, bad.field) == (code, field)
    assert bad.reason
    assert not Customer.objects.for_org(inside).filter(external_id="C-1").exists()


@pytest.mark.parametrize(
    ("kind", "good", "stored", "bad"),
    [
        ("text", "blue", "blue", 7),
        ("number", "12.5", 12_500_000, "twelve"),
        ("number", 12.5, 12_500_000, True),
        ("date", "2026-02-28", date(2026, 2, 28), "28.2.2026"),
        ("datetime", "2026-02-28T10:30", datetime(2026, 2, 28, 5, 0, tzinfo=UTC), "noon"),
        ("yes_no", "no", False, 0),
        ("choice", "RED", "red", "green"),
    ],
)
def test_a_custom_attribute_takes_its_own_type_only(
    inside: Org, kind: str, good: Any, stored: Any, bad: Any
) -> None:
    """A-04"""
    Attribute.objects.create(
        org=inside, key="favourite", label="Favourite", type=kind, choices=["red", "blue"]
    )
    answers = customers(
        inside,
        {"external_id": "C-1", "attribute.favourite": good},
        {"external_id": "C-2", "attribute.favourite": bad},
    )
    assert verdicts(answers) == ["created", "rejected"]
    assert answers.rows[1].field == "attribute.favourite"
    value = AttributeValue.objects.for_org(inside).get()
    assert stored in (value.text, value.number, value.day, value.instant, value.flag)
    assert verdicts(customers(inside, {"external_id": "C-1", "attribute.favourite": good})) == ["unchanged"]
    assert verdicts(customers(inside, {"external_id": "C-1", "attribute.favourite": ""})) == ["updated"]
    assert not AttributeValue.objects.for_org(inside).exists()


def test_an_attribute_that_was_not_declared_is_refused(inside: Org) -> None:
    """A-04"""
    assert one(customers(inside, {"external_id": "C-1", "attribute.size": "9"})).code == "unknown_field"


def test_another_orgs_customer_with_the_same_id_is_another_customer(org: Org, other_org: Org) -> None:
    """T-01, Q-09"""
    for tenant in (org, other_org):
        assert verdicts(customers(tenant, {"external_id": "C-1", "first_name": tenant.name})) == ["created"]
    assert customer(org, "C-1").first_name == org.name
