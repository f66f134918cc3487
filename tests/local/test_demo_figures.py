"""The real data of the demo, as it lies in our tables, gives the figures that are known of it (design/data.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audiences.models import Customer, Transaction, TransactionLine
from engage.local.demo import northline, tenants
from engage.local.demo.journey import Journey, Mailing
from engage.local.demo.steps import Meter
from engage.orgs import jobs
from engage.orgs.jobs import Progress
from engage.orgs.tenancy import org_context

WITHIN = timedelta(days=14)
# Type → (targeted pairs of campaign and household, those that bought a couponed product within 14 days).
KNOWN = {"A": (3647, 3025), "B": (2368, 705), "C": (574, 156)}
BOUGHT = """
WITH mailing AS (
    SELECT * FROM unnest(%(numbers)s::int[], %(types)s::text[], %(begins)s::timestamptz[], %(ends)s::timestamptz[])
        AS m (number, type, begins, ends)
), target AS (
    SELECT given.number, customer.id AS customer_id
    FROM unnest(%(target_numbers)s::int[], %(target_codes)s::text[]) AS given (number, code)
    JOIN audiences_customer customer ON customer.org_id = %(org)s AND customer.external_id = given.code
), coupon AS (
    SELECT given.number, product.id AS product_id
    FROM unnest(%(coupon_numbers)s::int[], %(coupon_codes)s::text[]) AS given (number, code)
    JOIN audiences_product product ON product.org_id = %(org)s AND product.code = given.code
), bought AS (
    SELECT DISTINCT coupon.number, line.customer_id
    FROM audiences_transactionline line
    JOIN audiences_transaction bill ON bill.org_id = %(org)s AND bill.customer_id = line.customer_id
     AND bill.txn_at = line.txn_at AND bill.id = line.txn_id AND bill.kind = 'sale'
    JOIN coupon ON coupon.product_id = line.product_id
    JOIN mailing ON mailing.number = coupon.number AND line.txn_at >= mailing.begins AND line.txn_at < mailing.ends
    WHERE line.org_id = %(org)s
)
SELECT mailing.type, count(*), count(bought.customer_id)
FROM target JOIN mailing USING (number) LEFT JOIN bought USING (number, customer_id)
GROUP BY mailing.type
"""


@pytest.mark.demo
@pytest.mark.django_db
def test_the_stored_bills_give_the_known_shares_of_targeted_households_that_bought() -> None:
    """Issue 2 point 10: A 82.9 %, B 29.8 %, C 27.2 %, from transactions and lines in the database."""
    tenant = northline.found(timezone.now())
    journey = Journey(tenant.today)
    with org_context(tenant.org.pk):
        job = jobs.start(
            tenant.org, kind="demo", title="Test", parameters={}, by=tenant.admin, at=timezone.now()
        )
    northline.Files(tenant, journey).people(Meter(Progress(job), 0))
    tenants.take(tenant, "transactions", _needed(journey))

    with org_context(tenant.org.pk), connection.cursor() as cursor:
        assert Customer.objects.for_org(tenant.org).count() == 2469
        assert Transaction.objects.for_org(tenant.org).count() > 30_000
        assert TransactionLine.objects.for_org(tenant.org).count() > 300_000
        # The lists given here have no statistics: a nested loop over all lines looks cheap and takes minutes.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(BOUGHT, {"org": tenant.org.pk, **_mailings(journey)})
        found = {kind: (pairs, bought) for kind, pairs, bought in cursor.fetchall()}
    assert found == KNOWN


def _instant(journey: Journey, mailing: Mailing, after: timedelta = timedelta(0)) -> datetime:
    """Some time after 00:00 UTC of its first day, which is how the data counts, moved as everything was."""
    day = mailing.start_on - timedelta(days=journey.shift.days)
    return journey.shift.instant(datetime.combine(day, time.min, UTC) + after)


def _mailings(journey: Journey) -> dict[str, list[Any]]:
    mailings = journey.mailings
    targets = [(mailing.number, code) for mailing in mailings for code in mailing.households]
    coupons = [(mailing.number, code) for mailing in mailings for code in mailing.products]
    return {
        "numbers": [mailing.number for mailing in mailings],
        "types": [mailing.type for mailing in mailings],
        "begins": [_instant(journey, mailing) for mailing in mailings],
        "ends": [_instant(journey, mailing, WITHIN) for mailing in mailings],
        "target_numbers": [number for number, _ in targets],
        "target_codes": [code for _, code in targets],
        "coupon_numbers": [number for number, _ in coupons],
        "coupon_codes": [code for _, code in coupons],
    }


def _needed(journey: Journey) -> Iterator[dict[str, Any]]:
    """The bills of targeted households around the weeks in question, a fifth of all: the rest cannot count."""
    margin = timedelta(days=2)
    spans: dict[str, list[tuple[date, date]]] = {}
    for mailing in journey.mailings:
        for household in mailing.households:
            first, last = mailing.start_on - margin, mailing.start_on + WITHIN + margin
            spans.setdefault(household, []).append((first, last))
    for bill in journey.bills():
        day = date.fromisoformat(bill["at"][:10])
        if any(first <= day <= last for first, last in spans.get(bill["customer"], [])):
            yield bill
