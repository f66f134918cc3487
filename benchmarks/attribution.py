"""Attribution: a day of new transactions, a repeat of it, and everything anew.

The reference is the same day's candidates found by a bare join without policies, goals or writes; the oracle is a full
recompute, which must give the same rows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import django

from _harness import Figure, clock, database, main

# (customers, campaigns, sales a day, people of a run): at L 10M sales and 20M deliveries in 90 days
SIZES = {
    "tiny": (20_000, 20, 1_000, 4_000),
    "S": (1_000_000, 100, 22_000, 40_000),
    "L": (5_000_000, 200, 110_000, 100_000),
}
DAYS = 90
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

CUSTOMERS = """
INSERT INTO audiences_customer (org_id, id, external_id, do_not_disturb, created_at, updated_at)
SELECT %(org)s, g, 'C' || g, FALSE, %(start)s, %(start)s FROM generate_series(1, %(n)s) g
"""
DELIVERIES = """
INSERT INTO campaigns_delivery (org_id, customer_id, run_on, run_id, seq, campaign_id, message_id, slot, variant, arm,
    channel, state, reason, outcome, outcome_reason, attempt, due_at, state_at, sent_at, delivered_at, opened_at,
    anchors_changed_at)
SELECT %(org)s, c, r.run_on, r.id, row_number() OVER (PARTITION BY r.id ORDER BY c), r.campaign_id, r.message_id, 0, 0,
       (c %% 10 = 0)::int, 'email', CASE WHEN c %% 10 = 0 THEN 5 ELSE 1 END, '',
       CASE WHEN c %% 10 = 0 THEN NULL ELSE 2 END, '', 1, s.at, s.at,
       CASE WHEN c %% 10 > 0 THEN s.at END, CASE WHEN c %% 10 > 0 THEN s.at + interval '1 minute' END,
       CASE WHEN c %% 7 = 1 THEN s.at + interval '5 hours' END, s.at
FROM campaigns_run r
CROSS JOIN LATERAL (SELECT r.run_on::timestamp AT TIME ZONE 'UTC' + interval '10 hours' AS at) s
CROSS JOIN LATERAL generate_series(1 + r.id %% %(step)s, %(n)s, %(step)s) c
WHERE r.org_id = %(org)s
"""
SALES = """
INSERT INTO audiences_transaction (org_id, customer_id, txn_at, id, external_id, kind, net, net_after_returns,
    fully_returned, items, payment_modes, coupon_codes, custom, received_at, changed_at)
SELECT %(org)s, 1 + (g * 7919) %% %(n)s, s.at, %(first)s + g, 'B' || (%(first)s + g), 'sale', s.net, s.net, FALSE, 1,
       '{card}', '{}', '{}', s.at, s.at
FROM generate_series(1::bigint, %(count)s) g
CROSS JOIN LATERAL (SELECT %(since)s::timestamptz + (g * 104729 %% %(seconds)s) * interval '1 second' AS at,
                           1000 + (g * 31) %% 9000 AS net) s
"""
BARE = """
SELECT count(*) FROM audiences_transaction t
JOIN campaigns_delivery d ON d.org_id = %(org)s AND d.customer_id = t.customer_id AND d.state IN (1, 5)
WHERE t.org_id = %(org)s AND t.changed_at >= %(since)s AND t.changed_at < %(until)s
  AND coalesce(d.sent_at, d.state_at) <= t.txn_at
"""


def run(size: str) -> list[Figure]:
    customers, campaigns, day_of_sales, people = SIZES[size]
    with database("attribution"):
        django.setup()
        from django.db import connection

        from _season import table_digest
        from conversions import attribution
        from conversions.models import Attribution
        from engage.orgs.tenancy import org_context

        one = Org("bench", customers, campaigns, day_of_sales, people, DAYS)
        with clock() as full:
            one.attribute_past()
        one.sell_today()
        with clock() as bare, org_context(one.org.pk), connection.cursor() as cursor:
            cursor.execute(BARE, {"org": one.org.pk, "since": one.end, "until": one.tomorrow})
        with clock() as day:
            done = one.attribute_today()
        stepwise = table_digest(one.org, Attribution)
        with clock() as anew:
            attribution.recompute(one.org.pk, at=one.tomorrow + timedelta(minutes=6))
        same = table_digest(one.org, Attribution) == stepwise
        figures = [
            Figure("one day of new transactions", day.wall, "s", bare.wall, day.wall / bare.wall,
                   1e6 * day.cpu / day_of_sales, same and done.conversions_written > 0),
            Figure("day, transactions a second", day_of_sales / day.wall, "/s", None, None, None, same),
            Figure("first run over the past", full.wall, "s", None, None, None, same),
            Figure("full recompute", anew.wall, "s", day.wall, anew.wall / day.wall, None, same),
        ]  # fmt: skip
        short, long = (
            buffers_of_a_day(customers // 4, campaigns, day_of_sales // 4, people // 4, days)
            for days in (60, 180)
        )
        figures.append(
            Figure(
                "buffers of a day, 180 days of history against 60",
                long,
                "",
                short,
                long / short,
                None,
                # The target is 1. The day after 60 days reaches into a new month and is read in two parts.
                max(long, short) < 1.6 * min(long, short),
            )
        )
        return figures


class Org:
    """An org with as many days of campaigns behind it, and as many campaigns a day however long it has been going."""

    def __init__(
        self, slug: str, customers: int, campaigns: int, day_of_sales: int, people: int, days: int
    ) -> None:
        from django.db import connection

        from _season import season
        from engage.orgs.tenancy import org_context

        self.org = season(campaigns * days // DAYS, days=days, start=NOON.date(), slug=slug)
        self.end = NOON + timedelta(days=days)
        self.tomorrow = self.end + timedelta(days=1)
        self.day_of_sales = day_of_sales
        self.common = {"org": self.org.pk, "n": customers, "step": customers // people, "start": NOON}
        past = {"first": 0, "count": day_of_sales * days, "since": NOON, "seconds": days * 86_400}
        with org_context(self.org.pk), connection.cursor() as cursor:
            for sql, more in ((CUSTOMERS, {}), (DELIVERIES, {}), (SALES, past)):
                cursor.execute(sql, self.common | more)
            # As the intake and the freeze do after their writing; the role that serves may not ANALYZE by itself.
            months = [
                f"{NOON + timedelta(days=30 * n):audiences_transaction_%Y%m}" for n in range(days // 30 + 2)
            ]
            cursor.execute("SELECT analyze_audiences(%s)", [["audiences_customer", *months]])
            for n in range(0, days, 28):
                cursor.execute("SELECT analyze_run(%s)", [NOON.date() + timedelta(days=n)])

    def attribute_past(self) -> None:
        from conversions import attribution

        attribution.attribute(self.org.pk, at=self.end + timedelta(minutes=5))

    def sell_today(self) -> None:
        from django.db import connection

        from engage.orgs.tenancy import org_context

        today = {"first": 10**9, "count": self.day_of_sales, "since": self.end, "seconds": 86_400}
        with org_context(self.org.pk), connection.cursor() as cursor:
            cursor.execute(SALES, self.common | today)

    def attribute_today(self) -> Any:
        from conversions import attribution

        return attribution.attribute(self.org.pk, at=self.tomorrow + timedelta(minutes=5))


def buffers_of_a_day(customers: int, campaigns: int, day_of_sales: int, people: int, days: int) -> float:
    """Pages that a day's attribution looks at, in cache or not, after so many days of history."""
    one = Org(f"days-{days}", customers, campaigns, day_of_sales, people, days)
    one.attribute_past()
    one.sell_today()
    before = _buffers()
    one.attribute_today()
    return _buffers() - before


def _buffers() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
        # Of sessions like ours only: autovacuum comes when it likes.
        cursor.execute(
            "SELECT sum(coalesce(hits, 0) + coalesce(reads, 0)) FROM pg_stat_io WHERE backend_type = 'client backend'"
        )
        return float(cursor.fetchone()[0])


if __name__ == "__main__":
    main("attribution", run)
