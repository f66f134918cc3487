"""Transactions: bills, returns, those who wait, and what they do to customers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audiences.intake import Kind, take
from audiences.models import (
    CustomerUnit,
    ExternalRef,
    Product,
    Profile,
    Store,
    Transaction,
    TransactionLine,
    WaitingTransaction,
)
from engage.orgs.founding import add_unit
from engage.orgs.models import Org
from tests.audiences.intake.asking import NOW, bill, bills, customer, customers, one, verdicts

LATER = NOW + timedelta(hours=3)


def sale(external_id: str = "B-1", **fields: Any) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "customer": "C-1",
        "at": "2026-11-20T18:05",
        "net": "100.00",
        **fields,
    }


def back(external_id: str, of: str, net: str, **fields: Any) -> dict[str, Any]:
    return sale(external_id, kind="return", returns=of, net=net, at="2026-11-22T12:00", **fields)


@pytest.fixture
def shop(inside: Org) -> Org:
    """An org with two customers, C-1 and C-2."""
    customers(
        inside,
        {"external_id": "C-1", "email": "one@example.com", "phone": "+919812345670"},
        {"external_id": "C-2", "email": "two@example.com"},
    )
    return inside


def profile(org: Org, external_id: str = "C-1") -> tuple[int, int]:
    """Transactions and net total; a customer without a row bought nothing (A-33)."""
    row = Profile.objects.for_org(org).filter(customer_id=customer(org, external_id).id).first()
    return (row.transactions, row.net_total) if row else (0, 0)


def test_a_bill_has_everything_the_record_says(shop: Org) -> None:
    """A-14, A-15"""
    record = sale(
        store="PUN-01", gross="1299.00", discount="100", tax="183.5", net="1199", currency="inr", source="web",
        payment_modes="card|cash", coupon_codes=["SAVE10"], **{"custom.cashier": "Ravi"},
        lines=[
            {"item": "SKU-1", "quantity": "2", "price": "500.00", "amount": "1000.00"},
            {"item": "SKU-2", "quantity": "0.4", "amount": "299.00"},
        ],
    )  # fmt: skip
    assert verdicts(bills(shop, record)) == ["created"]
    found = bill(shop, "B-1")
    assert found.txn_at == datetime(2026, 11, 20, 12, 35, tzinfo=UTC)
    assert (found.kind, found.gross, found.discount, found.tax, found.net) == (
        "sale",
        129900,
        10000,
        18350,
        119900,
    )
    assert (found.net_after_returns, found.fully_returned, found.items) == (119900, False, 3)
    assert (found.source, found.payment_modes, found.coupon_codes, found.custom) == (
        "web", ["card", "cash"], ["SAVE10"], {"cashier": "Ravi"},
    )  # fmt: skip
    assert (found.received_at, found.changed_at) == (NOW, NOW)
    store = Store.objects.for_org(shop).get()
    assert (store.code, store.stub, found.store_id) == ("PUN-01", True, store.pk)
    products = dict(Product.objects.for_org(shop).values_list("code", "stub"))
    assert products == {"SKU-1": True, "SKU-2": True}
    lines = TransactionLine.objects.for_org(shop).order_by("line_no")
    assert [(line.line_no, line.quantity, line.price, line.amount) for line in lines] == [
        (1, 2000, 50000, 100000), (2, 400, None, 29900),
    ]  # fmt: skip
    reference = ExternalRef.objects.for_org(shop).get(kind="transaction")
    assert (reference.value, reference.customer_id, reference.txn_at, reference.txn_id) == (
        "B-1", found.customer_id, found.txn_at, found.id,
    )  # fmt: skip
    assert profile(shop) == (1, 119900)


def test_the_same_bill_twice_changes_nothing(shop: Org) -> None:
    """A-13, Q-19"""
    record = sale(
        store="S", lines=[{"item": "SKU-1", "amount": "100"}], payment_modes="card", **{"custom.till": "4"}
    )
    bills(shop, record)
    assert verdicts(take(shop, Kind.TRANSACTIONS, [record], source="again", at=LATER)) == ["unchanged"]
    assert (bill(shop, "B-1").changed_at, profile(shop)) == (NOW, (1, 10000))
    assert TransactionLine.objects.for_org(shop).count() == 1
    assert verdicts(bills(shop, {"external_id": "B-1", "custom.till": "", "custom.shift": "late"})) == [
        "updated"
    ]
    assert bill(shop, "B-1").custom == {"shift": "late"}


def test_a_changed_bill_replaces_the_old_and_every_number_recomputes(shop: Org) -> None:
    """A-13"""
    bills(shop, sale(lines=[{"item": "SKU-1", "amount": "60"}, {"item": "SKU-2", "amount": "40"}]))
    changed = {
        "external_id": "B-1",
        "net": "60",
        "at": "2026-10-03T09:00",
        "lines": [{"item": "SKU-1", "amount": "60"}],
    }
    assert verdicts(take(shop, Kind.TRANSACTIONS, [changed], source="fix", at=LATER)) == ["updated"]
    found = bill(shop, "B-1")
    assert (found.net, found.net_after_returns, found.items) == (6000, 6000, 1)
    assert (found.received_at, found.changed_at) == (NOW, LATER)
    assert Transaction.objects.for_org(shop).count() == 1
    assert [(line.txn_at, line.amount) for line in TransactionLine.objects.for_org(shop)] == [
        (found.txn_at, 6000)
    ]
    row = Profile.objects.for_org(shop).get()
    assert (row.transactions, row.net_total, row.first_bought_at) == (1, 6000, found.txn_at)


def test_a_bill_moves_to_another_customer_with_its_lines(shop: Org) -> None:
    """A-13"""
    bills(shop, sale(lines=[{"item": "SKU-1", "amount": "100"}]))
    assert verdicts(bills(shop, {"external_id": "B-1", "customer": "C-2"})) == ["updated"]
    assert (profile(shop, "C-1"), profile(shop, "C-2")) == ((0, 0), (1, 10000))
    second = customer(shop, "C-2").id
    assert [line.customer_id for line in TransactionLine.objects.for_org(shop)] == [second]


def test_a_return_reduces_the_bill_it_names(shop: Org) -> None:
    """A-14, A-35"""
    bills(shop, sale())
    assert verdicts(take(shop, Kind.TRANSACTIONS, [back("R-1", "B-1", "30")], source="t", at=LATER)) == [
        "created"
    ]
    found = bill(shop, "B-1")
    assert (found.net, found.net_after_returns, found.fully_returned, found.changed_at) == (
        10000,
        7000,
        False,
        LATER,
    )
    assert profile(shop) == (1, 7000)
    bills(shop, back("R-2", "B-1", "70"))
    found = bill(shop, "B-1")
    assert (found.net_after_returns, found.fully_returned) == (0, True)
    assert profile(shop) == (0, 0)
    assert bill(shop, "R-2").net_after_returns == 0


def test_a_return_may_come_before_its_bill_and_be_changed_afterwards(shop: Org) -> None:
    """A-13, A-14"""
    bills(shop, back("R-1", "B-1", "30"), sale("B-2"))
    bills(shop, sale("B-1"))
    assert (bill(shop, "B-1").net_after_returns, profile(shop)) == (7000, (2, 17000))
    bills(shop, {"external_id": "R-1", "net": "50"})
    assert bill(shop, "B-1").net_after_returns == 5000
    bills(shop, {"external_id": "R-1", "returns": "B-2"})
    assert (bill(shop, "B-1").net_after_returns, bill(shop, "B-2").net_after_returns) == (10000, 5000)
    bills(shop, {"external_id": "B-2", "net": "80"})
    assert (bill(shop, "B-2").net_after_returns, profile(shop)) == (3000, (2, 13000))


def test_a_bill_of_an_unknown_customer_waits_and_joins_when_they_arrive(shop: Org) -> None:
    """A-15"""
    answers = bills(
        shop,
        sale("B-1", customer="C-9", lines=[{"item": "SKU-1", "amount": "100"}]),
        sale("B-2", customer="", customer_phone="+919800000009"),
    )
    assert [(row.verdict.value, row.code) for row in answers.rows] == [("created", "waiting")] * 2
    assert not Transaction.objects.for_org(shop).exists()
    assert verdicts(bills(shop, {"external_id": "B-1", "net": "90"})) == ["updated"]
    assert verdicts(bills(shop, sale("B-2", customer="", customer_phone="+919800000009"))) == ["unchanged"]
    take(shop, Kind.CUSTOMERS, [{"external_id": "C-9"}], source="t", at=LATER)
    found = bill(shop, "B-1")
    assert (found.net, found.received_at, found.changed_at) == (9000, NOW, LATER)
    assert TransactionLine.objects.for_org(shop).count() == 1
    customers(shop, {"external_id": "C-9", "phone": "+919800000009"})
    assert bill(shop, "B-2").customer_id == customer(shop, "C-9").id
    assert not WaitingTransaction.objects.for_org(shop).exists()
    assert profile(shop, "C-9") == (2, 19000)


def test_records_of_a_waiting_bill_add_up_within_a_call_and_after_it(shop: Org) -> None:
    """A-13, A-15"""
    later = [
        {"external_id": "B-1", "net": "80"},
        {"external_id": "B-1", "store": "S"},
        {"external_id": "B-1"},
    ]
    answers = bills(shop, sale("B-1", customer="C-9"), *later)
    assert verdicts(answers) == ["created", "updated", "updated", "unchanged"]
    assert verdicts(bills(shop, {"external_id": "B-1", "net": "70"}, {"external_id": "B-1"})) == [
        "updated",
        "unchanged",
    ]
    assert verdicts(bills(shop, {"external_id": "B-1", "customer": "C-1"})) == ["updated"]
    assert (bill(shop, "B-1").net, profile(shop)) == (7000, (1, 7000))


def test_an_address_names_a_customer_only_when_it_is_theirs_alone(shop: Org) -> None:
    """A-14"""
    customers(shop, {"external_id": "C-3", "email": "TWO@example.com"})
    answers = bills(
        shop,
        sale("B-1", customer="", customer_email="One@Example.com"),
        sale("B-2", customer="", customer_email="two@example.com"),
        sale("B-3", customer="", customer_email="two at example"),
    )
    assert [(row.verdict.value, row.code) for row in answers.rows] == [
        ("created", ""), ("rejected", "ambiguous"), ("rejected", "malformed"),
    ]  # fmt: skip
    assert bill(shop, "B-1").customer_id == customer(shop, "C-1").id


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"currency": "EUR"}, "currency", "currency"),
        ({"at": "2026-11-26T10:00"}, "in_future", "at"),
        ({"at": "1999-01-01"}, "too_old", "at"),
        ({"at": "yesterday"}, "bad_time", "at"),
        ({"at": ""}, "missing", "at"),
        ({"net": ""}, "missing", "net"),
        ({"net": "-5"}, "negative", "net"),
        ({"net": "5.001"}, "too_fine", "net"),
        ({"customer": ""}, "missing", "customer"),
        ({"kind": "return"}, "bad_return", "returns"),
        ({"returns": "B-0"}, "bad_return", "returns"),
        ({"kind": "return", "returns": "B-1"}, "bad_return", "returns"),
        ({"lines": [{"item": "X"}]}, "missing", "lines"),
        ({"lines": [{"item": "X", "amount": "1", "line_no": "1"}] * 2}, "double_line", "lines"),
        ({"lines": "X"}, "wrong_type", "lines"),
        ({"colour": "red"}, "unknown_field", "colour"),
    ],
)
def test_a_bill_that_does_not_fit_is_rejected_alone(
    shop: Org, change: dict[str, Any], code: str, field: str
) -> None:
    """A-14, A-15, A-16, Q-18"""
    answers = bills(shop, sale("B-0", kind="sale"), sale("B-1", **change))
    assert verdicts(answers) == ["created", "rejected"]
    assert (answers.rows[1].code, answers.rows[1].field) == (code, field)
    assert Transaction.objects.for_org(shop).count() == 1


def test_a_time_a_day_ahead_is_taken_and_one_with_offset_is_not_org_time(shop: Org) -> None:
    """A-15"""
    assert (
        verdicts(bills(shop, sale(at="2026-11-25T15:00"), sale("B-2", at="2026-11-20T18:05:00+01:00")))
        == ["created"] * 2
    )
    assert bill(shop, "B-2").txn_at == datetime(2026, 11, 20, 17, 5, tzinfo=UTC)


def test_a_customer_belongs_to_the_units_of_the_stores_where_they_bought(shop: Org) -> None:
    """T-05, A-15"""
    north = add_unit(shop, name="North", code="north", by=None, at=NOW)
    south = add_unit(shop, name="South", code="south", by=None, at=NOW)
    take(shop, Kind.STORES, [{"code": "N1", "unit": "north"}], source="t", at=NOW)
    bills(shop, sale(store="N1"), sale("B-2", store="S1"))
    assert _units(shop) == {north.pk}
    stub = take(shop, Kind.STORES, [{"code": "S1", "name": "South One", "unit": "south"}], source="t", at=NOW)
    assert verdicts(stub) == ["updated"]
    assert _units(shop) == {north.pk, south.pk}
    bills(shop, {"external_id": "B-1", "store": "S1"})
    assert _units(shop) == {south.pk}
    customers(shop, {"external_id": "C-1", "units": "north|south"})
    customers(shop, {"external_id": "C-1", "units": ""})
    assert _units(shop) == {south.pk}


def _units(org: Org) -> set[int]:
    mine = CustomerUnit.objects.for_org(org).filter(customer_id=customer(org, "C-1").id)
    return set(mine.values_list("unit_id", flat=True))


def test_lines_may_come_in_records_of_their_own(shop: Org) -> None:
    """A-12, A-14"""
    bills(shop, sale(), sale("B-9", customer="C-9"))
    lines = [
        {"transaction": "B-1", "line_no": "1", "item": "SKU-1", "quantity": "2", "amount": "60"},
        {"transaction": "B-1", "line_no": "2", "item": "SKU-2", "amount": "40"},
        {"transaction": "B-9", "line_no": "1", "item": "SKU-2", "amount": "40"},
        {"transaction": "B-7", "line_no": "1", "item": "SKU-2", "amount": "40"},
        {"transaction": "B-1", "line_no": "3", "item": "SKU-2"},
    ]
    answers = take(shop, Kind.LINES, lines, source="t", at=LATER)
    assert [(row.verdict.value, row.code) for row in answers.rows] == [
        ("created", ""), ("created", ""), ("created", "waiting"), ("rejected", "unknown_transaction"),
        ("rejected", "missing"),
    ]  # fmt: skip
    assert (bill(shop, "B-1").items, bill(shop, "B-1").changed_at, profile(shop)) == (3, LATER, (1, 10000))
    again = take(shop, Kind.LINES, lines[:3], source="t", at=LATER + timedelta(hours=1))
    assert verdicts(again) == ["unchanged"] * 3
    assert bill(shop, "B-1").changed_at == LATER
    assert verdicts(take(shop, Kind.LINES, [{**lines[0], "amount": "70"}], source="t", at=LATER)) == [
        "updated"
    ]
    assert verdicts(bills(shop, sale())) == ["unchanged"]
    customers(shop, {"external_id": "C-9"})
    assert bill(shop, "B-9").items == 1
    assert TransactionLine.objects.for_org(shop).count() == 3


def test_several_records_of_one_bill_in_a_call_are_taken_in_order(shop: Org) -> None:
    """A-13, Q-18"""
    answers = bills(
        shop, sale(), {"external_id": "B-1", "net": "80"}, sale(net="80"), back("R-1", "B-1", "80")
    )
    assert verdicts(answers) == ["created", "updated", "unchanged", "created"]
    assert (bill(shop, "B-1").fully_returned, profile(shop)) == (True, (0, 0))
    assert one(bills(shop, {"external_id": "B-1", "customer": "C-404"})).code == "unknown_customer"
