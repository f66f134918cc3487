"""New customers and sales go straight to the tables; what is stored is what comparing them would have stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.intake import Kind, take
from audiences.models import (
    AddressRef,
    Attribute,
    AttributeValue,
    ContactPoint,
    Customer,
    CustomerUnit,
    ExternalRef,
    Profile,
    Store,
    Subscription,
    Transaction,
    TransactionLine,
)
from engage.orgs.founding import add_unit
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests import factories
from tests.audiences.intake.asking import NOW

pytestmark = pytest.mark.django_db

_CUSTOMER = {
    "first_name": ["Asha", "", " Éva "], "last_name": ["Rao", ""], "city": ["Pune", "NEW  Delhi", ""],
    "birth_date": ["1990-05-17", "17 May"], "points": ["12", ""], "do_not_disturb": ["yes", "no", ""],
    "email": ["a@example.com", "A@EXAMPLE.com", "not one", ""], "phone": ["098123 45670", "+4479", ""],
    "home_store": ["S-1", "S-2", ""], "attribute.size": ["9", "", "big"], "units": ["north", ""],
    "email_promotional": ["yes", "no", ""], "consent_at": ["2026-01-01", ""],
}  # fmt: skip
_SALE = {
    "at": ["2026-01-05T10:00", "2025-12-31", "never"], "net": ["10", "20.5", ""], "gross": ["30", ""],
    "store": ["S-1", "S-2", ""], "payment_modes": ["card|cash", 'a "b" \\c', ""], "source": ["till", ""],
    "customer": ["C-1", "C-2", "C-9"], "lines": [[], [{"item": "I", "amount": "1"}, {"item": "J", "amount": "2"}]],
}  # fmt: skip


def _records(fields: dict[str, list[Any]], needed: set[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Up to four records of one shape, each with a number of its own."""

    def of_shape(names: set[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
        shape = {name: st.sampled_from(fields[name]) for name in fields if name in names | needed}
        rows = st.lists(st.fixed_dictionaries(shape), min_size=1, max_size=4)
        return rows.map(lambda rows: [{"external_id": f"X-{n}", **row} for n, row in enumerate(rows)])

    return st.sets(st.sampled_from(sorted(fields))).flatmap(of_shape)


_OWN = {"org", "id", "customer_id", "txn_id", "created_at", "updated_at", "received_at", "changed_at", "key"}


def _rows(org: Org, model: type[models.Model]) -> list[str]:
    """What is stored, without what differs from org to org; ids by the codes behind them."""
    names = [
        f.attname for f in model._meta.concrete_fields if f.name not in _OWN and not f.name.endswith("_id")
    ]
    stored = model._default_manager.filter(org=org).values_list(*names)  # type: ignore[misc] # any model
    return sorted(map(repr, stored))


def _taken(kind: Kind, records: list[dict[str, Any]], times: int) -> tuple[list[Any], ...]:
    """The answers about records that come so many times each in one call, and what is stored after it."""
    org = factories.OrgFactory.create()
    with org_context(org.pk):
        Attribute.objects.create(org=org, key="size", label="Size", type="number")
        add_unit(org, name="North", code="north", by=None, at=NOW)
        take(org, Kind.CUSTOMERS, [{"external_id": "C-1"}, {"external_id": "C-2"}], source="t", at=NOW)
        rows = take(org, kind, [r for record in records for r in [record] * times], source="t", at=NOW).rows
        stored = [
            _rows(org, model)
            for model in (
                Customer, ContactPoint, AddressRef, AttributeValue, CustomerUnit, ExternalRef, Subscription, Profile,
                Transaction, TransactionLine,
            )
        ]  # fmt: skip
        codes = dict(Store.objects.for_org(org).values_list("id", "code"))
        stores = [
            sorted(
                (row.external_id, codes.get(pk, ""))
                for row in model.objects.for_org(org)
                if (pk := getattr(row, name))
            )
            for model, name in ((Customer, "home_store_id"), (Transaction, "store_id"))
        ]
        return [(row.verdict, row.code, row.field) for row in rows[::times]], *stored, *stores


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=_records(_CUSTOMER, set()))
def test_new_customers_are_stored_as_if_compared(db: None, records: list[dict[str, Any]]) -> None:
    """A-12, A-13, Q-19"""
    assert _taken(Kind.CUSTOMERS, records, 1) == _taken(Kind.CUSTOMERS, records, 2)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=_records(_SALE, {"customer"}))
def test_new_sales_are_stored_as_if_compared(db: None, records: list[dict[str, Any]]) -> None:
    """A-13, A-14, A-15, Q-19"""
    assert _taken(Kind.TRANSACTIONS, records, 1) == _taken(Kind.TRANSACTIONS, records, 2)
