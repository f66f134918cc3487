"""Attribution: a day of new transactions, a repeat of it, and everything anew.

The reference is the same day's candidates found by a bare join without policies, goals or writes; the oracle is a full
recompute, which must give the same rows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import django

from _harness import Figure, clock, database, main

SIZES = {"tiny": (20_000, 20, 4_000), "S": (1_000_000, 100, 22_000), "L": (5_000_000, 200, 110_000)}
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
CROSS JOIN LATERAL generate_series(1 + r.id %% 5, %(n)s, 5) c
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
    customers, campaigns, day_of_sales = SIZES[size]
    with database("attribution"):
        django.setup()
        from django.db import connection

        from _season import season, table_digest
        from conversions import attribution
        from conversions.models import Attribution
        from engage.orgs.tenancy import org_context

        org = season(campaigns, days=DAYS, start=NOON.date())
        end = NOON + timedelta(days=DAYS)
        common = {"org": org.pk, "n": customers, "start": NOON}
        past = {"first": 0, "count": day_of_sales * 20, "since": NOON, "seconds": DAYS * 86_400}
        today = {"first": 10**9, "count": day_of_sales, "since": end, "seconds": 86_400}
        with org_context(org.pk), connection.cursor() as cursor:
            cursor.execute(CUSTOMERS, common)
            cursor.execute(DELIVERIES, common)
            cursor.execute(SALES, common | past)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.org_id', %s, false)", [str(org.pk)])
            cursor.execute(
                "ANALYZE audiences_transaction; ANALYZE campaigns_delivery; ANALYZE audiences_customer"
            )
        figures = []
        with clock() as full:
            attribution.attribute(org.pk, at=end + timedelta(minutes=5))
        with org_context(org.pk), connection.cursor() as cursor:
            cursor.execute(SALES, common | today)
        tomorrow = end + timedelta(days=1)
        with clock() as bare, org_context(org.pk), connection.cursor() as cursor:
            cursor.execute(BARE, {"org": org.pk, "since": end, "until": tomorrow})
        with clock() as day:
            done = attribution.attribute(org.pk, at=tomorrow + timedelta(minutes=5))
        stepwise = table_digest(org, Attribution)
        with clock() as anew:
            attribution.recompute(org.pk, at=tomorrow + timedelta(minutes=6))
        same = table_digest(org, Attribution) == stepwise
        figures.append(Figure("one day of new transactions", day.wall, "s", bare.wall, day.wall / bare.wall,
                              1e6 * day.cpu / day_of_sales, same and done.conversions_written > 0))  # fmt: skip
        figures.append(
            Figure("day, transactions a second", day_of_sales / day.wall, "/s", None, None, None, same)
        )
        figures.append(Figure("first run over the past", full.wall, "s", None, None, None, same))
        figures.append(Figure("full recompute", anew.wall, "s", day.wall, anew.wall / day.wall, None, same))
        return figures


if __name__ == "__main__":
    main("attribution", run)
