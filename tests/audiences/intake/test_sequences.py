"""Whatever comes, in whatever order and batches: the stored numbers are those of a plain reading of the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences import profile
from audiences.intake import Kind, take
from audiences.models import Customer, Profile, Transaction, TransactionLine, WaitingTransaction
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests import factories
from tests.audiences.intake.asking import NOW

pytestmark = pytest.mark.django_db

NAMES = ["C-1", "C-2", "C-3"]
STORES = ["S-1", "S-2"]
_SALE = st.fixed_dictionaries(
    {"external_id": st.sampled_from(["B-1", "B-2", "B-3", "B-4"])},
    optional={
        "customer": st.sampled_from(NAMES),
        "at": st.sampled_from(["2026-01-05T10:00", "2026-01-05T10:00", "2026-02-09", "2025-12-31T23:59"]),
        "net": st.sampled_from(["10", "20.5", "0", ""]),
        "store": st.sampled_from([*STORES, ""]),
        "lines": st.lists(st.fixed_dictionaries({"item": st.just("I"), "amount": st.just("1")}), max_size=2),
    },
)
_RETURN = st.fixed_dictionaries(
    {
        "external_id": st.sampled_from(["R-1", "R-2"]),
        "kind": st.just("return"),
        "customer": st.sampled_from(NAMES),
        "at": st.just("2026-02-10"),
        "net": st.sampled_from(["5", "20.5"]),
        "returns": st.sampled_from(["B-1", "B-2"]),
    }
)
_CUSTOMER = st.fixed_dictionaries({"external_id": st.sampled_from(NAMES), "_customer": st.just(True)})
_RECORDS = st.lists(st.one_of(_SALE, _SALE, _RETURN, _CUSTOMER), max_size=10)


@dataclass
class Plain:
    """The rules of A-13 to A-15 and A-35, said as plainly as possible."""

    customers: set[str] = field(default_factory=lambda: {"C-1"})
    bills: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, record: dict[str, Any]) -> str:
        if "_customer" in record:
            new = record["external_id"] not in self.customers
            self.customers.add(record["external_id"])
            return "created" if new else "unchanged"
        name = record["external_id"]
        before = self.bills.get(name)
        if (
            before
            and before["customer"] in self.customers
            and record.get("customer", "C-1") not in self.customers
        ):
            return "rejected"
        bill = {"kind": "sale", "store": "", "lines": []} | (before or {}) | record
        if any(bill.get(needed, "") == "" for needed in ("customer", "at", "net")):
            return "rejected"
        self.bills[name] = bill
        return "created" if before is None else "unchanged" if bill == before else "updated"

    def known(self) -> Iterator[tuple[str, dict[str, Any], int, bool]]:
        """Bills whose customer arrived, with what returns leave of them and whether that is nothing."""
        there = {name: bill for name, bill in self.bills.items() if bill["customer"] in self.customers}
        for name, bill in there.items():
            backs = [_minor(back["net"]) for back in there.values() if back.get("returns") == name]
            net = _minor(bill["net"])
            sale = bill["kind"] == "sale"
            yield (
                name,
                bill,
                max(net - sum(backs), 0) if sale else 0,
                bool(sale and backs and sum(backs) >= net),
            )

    def profiles(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for _, bill, left, gone in self.known():
            if bill["kind"] == "sale" and not gone:
                count, total = found.get(bill["customer"], (0, 0))
                found[bill["customer"]] = (count + 1, total + left)
        return found


def _minor(net: str) -> int:
    return round(float(net) * 100)


def _taken(org: Org, records: list[dict[str, Any]]) -> list[str]:
    """Hand the records over in their order, customers and bills each by their own kind."""
    verdicts: list[str] = []
    for record in records:
        kind = Kind.CUSTOMERS if "_customer" in record else Kind.TRANSACTIONS
        bare = {name: value for name, value in record.items() if name != "_customer"}
        verdicts += [row.verdict.value for row in take(org, kind, [bare], source="t", at=NOW).rows]
    return verdicts


def _stored(org: Org) -> dict[str, Any]:
    names = dict(Customer.objects.for_org(org).values_list("id", "external_id"))
    return {
        "bills": {
            bill.external_id: (
                names[bill.customer_id],
                bill.net,
                bill.net_after_returns,
                bill.fully_returned,
                bill.items,
            )
            for bill in Transaction.objects.for_org(org)
        },
        "lines": TransactionLine.objects.for_org(org).count(),
        "waiting": set(WaitingTransaction.objects.for_org(org).values_list("external_id", flat=True)),
        "profiles": _profiles(org),
    }


def _profiles(org: Org) -> dict[str, tuple[Any, ...]]:
    names = dict(Customer.objects.for_org(org).values_list("id", "external_id"))
    return {
        names[row.customer_id]: (
            row.transactions, row.net_total, row.first_bought_at, row.last_bought_at, row.first_store_id,
            row.last_store_id,
        )
        for row in Profile.objects.for_org(org)
    }  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=_RECORDS)
def test_any_sequence_of_records_ends_as_the_plain_rules_say(db: None, records: list[dict[str, Any]]) -> None:
    """A-13, A-14, A-15, A-35, Q-18"""
    org, plain = factories.OrgFactory.create(), Plain()
    with org_context(org.pk):
        take(org, Kind.CUSTOMERS, [{"external_id": "C-1"}], source="t", at=NOW)
        assert _taken(org, records) == [plain.take(record) for record in records]
        stored = _stored(org)
        assert stored["bills"] == {
            name: (bill["customer"], _minor(bill["net"]), left, gone, len(bill["lines"]))
            for name, bill, left, gone in plain.known()
        }
        assert stored["lines"] == sum(len(bill["lines"]) for _, bill, _, _ in plain.known())
        assert stored["waiting"] == set(plain.bills) - {name for name, *_ in plain.known()}
        assert {name: row[:2] for name, row in stored["profiles"].items()} == plain.profiles()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=_RECORDS)
def test_a_batch_and_its_repetition_leave_what_single_records_leave(
    db: None, records: list[dict[str, Any]]
) -> None:
    """A-13, Q-19"""
    one, many = factories.OrgFactory.create(), factories.OrgFactory.create()
    bills = [record for record in records if "_customer" not in record]
    known = [{"external_id": name} for name in NAMES[:2]]
    for org in (one, many):
        take(org, Kind.CUSTOMERS, known, source="t", at=NOW)
    singly = [verdict for bill in bills for verdict in _taken(one, [bill])]
    together = take(many, Kind.TRANSACTIONS, bills, source="t", at=NOW)
    assert [row.verdict.value for row in together.rows] == singly
    with org_context(one.pk):
        by_one = _comparable(_stored(one))
    with org_context(many.pk):
        assert _comparable(_stored(many)) == by_one
        added_up = _profiles(many)
        everyone = list(Customer.objects.for_org(many).values_list("id", flat=True))
        profile.recompute(many, everyone, at=NOW)
        assert _profiles(many) == added_up


def _comparable(stored: dict[str, Any]) -> dict[str, Any]:
    """Without the ids of stores, which differ between orgs."""
    return stored | {"profiles": {name: row[:4] for name, row in stored["profiles"].items()}}
