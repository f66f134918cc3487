"""Whom the rows of a list's file mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiences.models import AddressOptOut, ContactPoint, Customer, CustomerUnit, Subscription
from engage.orgs.founding import add_unit
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.audiences.factories import contact, customer
from tests.audiences.uploads.asking import EMAIL, ID, NUMBER, PHONE, codes, errors, made, members
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(org: Org) -> dict[str, Customer]:
    """Two with addresses of their own, and two of a family who share them."""
    with org_context(org.pk):
        return {
            "A": customer(org, external_id="A", email="a@example.com", phone="+919800000001"),
            "B": customer(org, external_id="B", email="b@example.com"),
            "F1": customer(org, external_id="F1", email="family@example.com", phone="+919800000009"),
            "F2": customer(org, external_id="F2", email="family@example.com"),
        }


def test_customers_are_found_by_any_identifier_in_any_writing(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-19, A-06"""
    ids = made(org, marketer, tmp_path, "id\nA\n B \n", ID)
    assert list(members(org, ids)) == ["A", "B"]
    mails = made(org, marketer, tmp_path, "mail\nA@EXAMPLE.com\n", EMAIL)
    assert list(members(org, mails)) == ["A"]
    phones = made(org, marketer, tmp_path, "mobile\n098000 00001\n'+919800000001\n", PHONE)
    assert list(members(org, phones)) == ["A"]
    numbers = made(org, marketer, tmp_path, f"no\n{people['B'].id}\n", NUMBER)
    assert list(members(org, numbers)) == ["B"]


def test_several_identifiers_must_point_to_one_customer(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-20: what points to nobody says nothing, but an external id without an owner does."""
    rows = [
        ("A", "a@example.com", "+919800000001"),
        ("B", "a@example.com", ""),
        ("A", "", "+919800000009"),
        ("B", "new@example.com", "+919811111111"),
        ("Z", "b@example.com", ""),
    ]
    text = "id,mail,phone\n" + "".join(",".join(row) + "\n" for row in rows)
    job = made(org, marketer, tmp_path, text, ID, EMAIL, PHONE)
    assert list(members(org, job)) == ["A", "B"]
    assert [(row[0], row[1], row[-2]) for row in errors(job)[1:]] == [
        ("B", "a@example.com", "ambiguous"), ("A", "", "ambiguous"), ("Z", "b@example.com", "ambiguous"),
    ]  # fmt: skip
    assert job.counts == {"accepted": 2, "merged duplicates": 0, "rejected": 3}


def test_a_number_and_an_external_id_must_agree(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-20"""
    a, b = people["A"].id, people["B"].id
    job = made(org, marketer, tmp_path, f"id,no\nA,{a}\nB,{a}\nB,987654321\nB,{b}x\n", ID, NUMBER)
    assert list(members(org, job)) == ["A"]
    assert [row[-2] for row in errors(job)[1:]] == ["ambiguous", "ambiguous", "bad_number"]


def test_a_shared_address_means_nobody_unless_an_id_says_who(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-20"""
    job = made(org, marketer, tmp_path, "mail\nfamily@example.com\na@example.com\n", EMAIL)
    assert codes(job) == {"family@example.com": "ambiguous"}
    assert "Several customers" in errors(job)[1][-1]
    job = made(org, marketer, tmp_path, "id,mail\nF2,family@example.com\nA,family@example.com\n", ID, EMAIL)
    assert list(members(org, job)) == ["F2"]
    assert codes(job) == {"A": "ambiguous"}
    both = made(org, marketer, tmp_path, "mail,phone\nfamily@example.com,+919800000009\n", EMAIL, PHONE)
    assert list(members(org, both)) == ["F1"]


def test_an_address_that_very_many_share_is_known_by_its_id(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-20"""
    with org_context(org.pk):
        crowd = [customer(org, external_id=f"S{n}", email="shop@example.com") for n in range(30)]
    last = max(crowd, key=lambda one: one.id)
    text = f"id,mail\n{last.external_id},shop@example.com\nA,shop@example.com\n,shop@example.com\n"
    job = made(org, marketer, tmp_path, text, ID, EMAIL)
    assert list(members(org, job)) == [last.external_id]
    assert [row[-2] for row in errors(job)[1:]] == ["ambiguous", "ambiguous"]


def test_where_families_share_contacts_only_ids_identify(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-20, T-24"""
    with org_context(org.pk):
        factories.settings_of(org, one_send_per_address=False)
    text = "id,mail\nA,b@example.com\n,b@example.com\n"
    job = made(org, marketer, tmp_path, text, ID, EMAIL)
    assert list(members(org, job)) == ["A"]
    assert [row[-2] for row in errors(job)[1:]] == ["ambiguous"]


def test_a_merged_customer_is_its_survivor(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-02, A-22"""
    with org_context(org.pk):
        Customer.objects.for_org(org).filter(id=people["B"].id).update(merged_into=people["A"].id)
    job = made(org, marketer, tmp_path, "id\nB\nA\n", ID)
    assert list(members(org, job)) == ["A"]
    assert job.counts == {"accepted": 1, "merged duplicates": 1, "rejected": 0}


def test_unknown_customers_are_rejected_unless_somebody_wants_them_made(
    org: Org, admin: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-21"""
    text = "id,mail,phone\nA,,\nN1,n1@example.com,9812345670\n,n2@example.com,\nN1,,\n"
    job = made(org, admin, tmp_path, text, ID, EMAIL, PHONE)
    assert [row[-2] for row in errors(job)[1:]] == ["unknown_customer"] * 3
    with org_context(org.pk):
        assert not Customer.objects.for_org(org).filter(external_id="N1").exists()

    job = made(org, admin, tmp_path, text, ID, EMAIL, PHONE, create=True)
    assert list(members(org, job)) == ["A", "N1"]
    assert job.counts == {
        "accepted": 2, "merged duplicates": 1, "rejected": 1, "created customers": 1,
    }  # fmt: skip
    assert errors(job)[1][-2:] == [
        "unknown_customer",
        "No customer has this: E-mail. A new customer needs an external id of its own and no customer number.",
    ]
    with org_context(org.pk):
        new = Customer.objects.for_org(org).get(external_id="N1")
        mine = ContactPoint.objects.for_org(org).filter(customer_id=new.id).order_by("kind")
        assert list(mine.values_list("value", flat=True)) == ["n1@example.com", "+919812345670"]
        assert not Subscription.objects.for_org(org).exists()
        assert not AddressOptOut.objects.for_org(org).exists()


@pytest.mark.parametrize("batch", [1, 2, 10_000])
def test_who_is_created_does_not_depend_on_where_a_batch_ends(
    org: Org, admin: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """A-20, A-21"""
    monkeypatch.setattr("audiences.uploads.making.BATCH", batch)
    text = "id,mail\nN1,n@example.com\nN2,n@example.com\nN3,x@example.com\nN3,y@example.com\n"
    job = made(org, admin, tmp_path, text, ID, EMAIL, create=True)
    assert list(members(org, job)) == ["N1", "N3"]
    assert codes(job) == {"N2": "ambiguous"}
    with org_context(org.pk):
        values = ContactPoint.objects.for_org(org).order_by("value").values_list("value", flat=True)
        assert list(values) == ["n@example.com", "x@example.com"]


def test_a_units_list_holds_its_own_customers_and_tells_nothing_of_others(
    org: Org, admin: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """T-05, Q-09, A-20"""
    with org_context(org.pk):
        north = add_unit(org, name="North", code="north", by=admin, at=NOW)
        CustomerUnit.objects.create(org=org, customer_id=people["F1"].id, unit_id=north.pk)
    text = "id,mail\nF1,family@example.com\nA,\nZ,\n,family@example.com\n"
    job = made(org, admin, tmp_path, text, ID, EMAIL, unit=north)
    assert list(members(org, job)) == ["F1"]
    assert job.counts == {"accepted": 1, "merged duplicates": 1, "rejected": 2}
    theirs, nobody = errors(job)[1:]
    assert theirs[-2:] == nobody[-2:] == ["unknown_customer", "No customer of North has this: External id."]
    new = made(org, admin, tmp_path, "id\nN1\nA\n", ID, unit=north, create=True)
    assert list(members(org, new)) == ["N1"]
    assert codes(new) == {"A": "unknown_customer"}


def test_another_orgs_customers_do_not_exist(
    org: Org, other_org: Org, marketer: User, tmp_path: Path
) -> None:
    """Q-09, Q-10"""
    with org_context(other_org.pk):
        theirs = customer(other_org, external_id="T", email="t@example.com")
        contact(other_org, theirs, "phone", "+919800000005")
    text = f"id,no,mail,phone\nT,,,\n,{theirs.id},,\n,,t@example.com,\n,,,+919800000005\n"
    job = made(org, marketer, tmp_path, text, ID, NUMBER, EMAIL, PHONE)
    assert (job.status, [row[-2] for row in errors(job)[1:]]) == ("failed", ["unknown_customer"] * 4)
