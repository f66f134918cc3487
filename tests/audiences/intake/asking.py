"""Short ways to hand records to the intake and to look at what it made of them."""

from __future__ import annotations

from typing import Any

from audiences.intake import Answer, Answers, Kind, take
from audiences.models import Customer, Transaction
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests.factories import NOW

__all__ = ["NOW", "bill", "bills", "customer", "customers", "one", "verdicts"]


def customers(org: Org, *records: dict[str, Any]) -> Answers:
    return take(org, Kind.CUSTOMERS, records, source="test", at=NOW)


def bills(org: Org, *records: dict[str, Any]) -> Answers:
    return take(org, Kind.TRANSACTIONS, records, source="test", at=NOW)


def customer(org: Org, external_id: str) -> Customer:
    with org_context(org.pk):
        return Customer.objects.for_org(org).get(external_id=external_id)


def bill(org: Org, external_id: str) -> Transaction:
    with org_context(org.pk):
        return Transaction.objects.for_org(org).get(external_id=external_id)


def verdicts(answers: Answers) -> list[str]:
    return [row.verdict.value for row in answers.rows]


def one(answers: Answers) -> Answer:
    (answer,) = answers.rows
    return answer
