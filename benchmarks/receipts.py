"""Receipts: signed webhooks of 500 reports each, through the web application's own door, into the ledger.

The run's rows are Sent before; each gets `delivered`, some are opened, clicked or bounced. The references are a bare
COPY of the same events into a table without policies or keys beyond its primary one, and the check is the ledger's
own: the tally against the rows, and the rows against what was told.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import random
import time
from datetime import UTC, datetime, timedelta

import django
from _harness import Figure, clock, database, database_cpu, main

SIZES = {"tiny": (4_000, 4_000), "S": (1_000_000, 100_000), "L": (5_000_000, 500_000)}
BATCH = 500
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECRET = "what the provider signs with"  # noqa: S105
TOKEN = "where-it-reports-to"  # noqa: S105

CUSTOMERS = """
INSERT INTO audiences_customer (org_id, id, external_id, do_not_disturb, created_at, updated_at)
SELECT %(org)s, g, 'C' || g, FALSE, %(start)s, %(start)s FROM generate_series(1, %(n)s) g;
INSERT INTO audiences_contactpoint (org_id, customer_id, kind, value, key, is_primary, state, soft_bounces, state_at)
SELECT %(org)s, g, 'email', 'person' || g || '@example.com', g, true, 'unproven', 0, %(start)s
FROM generate_series(1, %(n)s) g;
"""
DELIVERIES = """
INSERT INTO campaigns_delivery (org_id, customer_id, run_on, run_id, seq, campaign_id, message_id, slot, variant, arm,
    channel, state, reason, outcome, outcome_reason, sender_id, address_key, attempt, due_at, state_at, sent_at,
    anchors_changed_at)
SELECT %(org)s, g, r.run_on, r.id, g, r.campaign_id, r.message_id, 0, 0, 0, 'email', 1, '', 1, '', %(sender)s, g, 1,
       %(start)s, %(start)s, %(start)s, %(start)s
FROM campaigns_run r CROSS JOIN generate_series(1, %(n)s) g WHERE r.org_id = %(org)s;
INSERT INTO campaigns_tally (org_id, run_id, id, slot, channel, variant, arm, state, reason, outcome, n)
SELECT %(org)s, id, state, 0, 'email', 0, 0, state, '', state, %(n)s
FROM campaigns_run, (VALUES (0), (1)) AS s(state) WHERE org_id = %(org)s;
"""
COPIED = "COPY bench_event FROM STDIN"


def run(size: str) -> list[Figure]:
    people, told = SIZES[size]
    with database("receipts") as environment:
        django.setup()
        from django.db import connection
        from django.test import Client

        from _season import season
        from campaigns.models import Run
        from campaigns.verify import verify_run
        from channels import senders
        from channels.models import Sender
        from engage.orgs.tenancy import org_context

        org = season(1, days=1, start=NOON.date())
        with org_context(org.pk), connection.cursor() as cursor:
            sender = Sender.objects.create(
                org=org, channel="email", name="Bench", identity="b@example.com", adapter="sandbox-email",
                config={"account": "bench"}, status="active", created_at=NOON,
            )  # fmt: skip
            senders.open_hook(sender, senders.Hook(TOKEN, SECRET), by=None, at=NOON)
            facts = {"org": org.pk, "n": people, "start": NOON, "sender": sender.pk}
            cursor.execute(CUSTOMERS, facts)
            cursor.execute(DELIVERIES, facts)
            one_run = Run.objects.for_org(org).get()
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.org_id', %s, false)", [str(org.pk)])
            cursor.execute("ANALYZE audiences_contactpoint; ANALYZE campaigns_delivery")
        events = _events(one_run, told, people)
        bare = _bare_copy(events)
        bodies = [
            json.dumps({"events": events[at : at + BATCH]}).encode() for at in range(0, len(events), BATCH)
        ]
        client, taken = Client(SERVER_NAME="localhost"), 0
        busy = database_cpu(environment["DATABASE_URL"])
        with clock() as took:
            for body in bodies:
                answer = client.post(
                    f"/hooks/{TOKEN}/", body, content_type="application/json", headers=_signed(body)
                )
                taken += answer.json()["events"]
        busy = database_cpu(environment["DATABASE_URL"]) - busy
        with clock() as again:
            repeats = [
                client.post(f"/hooks/{TOKEN}/", body, content_type="application/json", headers=_signed(body))
                for body in bodies[:20]
            ]
        with org_context(org.pk):
            right = taken == len(events) and not list(verify_run(one_run)) and _as_told(org, events)
        quiet = all(answer.json()["events"] == 0 for answer in repeats)
        count = len(events)
        return [
            Figure("reports taken in", count / took.wall, "/s", bare, count / took.wall / bare,
                   1e6 * (took.cpu + busy) / count, right),
            Figure("reports taken in, a core (both sides' CPU)", count / (took.cpu + busy), "/s", bare,
                   count / (took.cpu + busy) / bare, None, right),
            Figure("web process, CPU a report", 1e6 * took.cpu / count, "µs", None, None, None, right),
            Figure("database, CPU a report", 1e6 * busy / count, "µs", None, None, None, right),
            Figure("repeats refused", 20 * BATCH / again.wall, "/s", None, None, None, quiet),
        ]  # fmt: skip


def _events(run: object, told: int, people: int) -> list[dict[str, str]]:
    """Reports in the order of their times, as a provider sends them: all deliveries, later opens and clicks."""
    from channels.tokens import RunSigner

    chance = random.Random(1)
    signer = RunSigner(org=run.org_id, run_on=run.run_on, run=run.pk)
    found = []
    for seq in sorted(chance.sample(range(1, people + 1), told)):
        kinds = chance.choices(
            (["delivered"], ["delivered", "opened"], ["delivered", "opened", "clicked"], ["bounced"]),
            (70, 24, 4, 2),
        )[0]
        reference = signer.sign(seq, seq).reference
        for step, kind in enumerate(kinds):
            at = NOON + timedelta(seconds=chance.randint(1, 60) + step * 3_000)
            found.append(
                {
                    "event_id": f"bench-{seq}-{kind}",
                    "reference": reference,
                    "provider_id": f"p-{seq}",
                    "type": kind,
                    "at": at.isoformat(),
                }
            )
    return sorted(found, key=lambda event: event["at"])


def _signed(body: bytes) -> dict[str, str]:
    stamp = str(int(time.time()))
    mark = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Carrier-Timestamp": stamp, "X-Carrier-Signature": f"v1={mark}"}


def _bare_copy(events: list[dict[str, str]]) -> float:
    """Rows a second of COPY into a plain table with the event's key, a commit each batch."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE bench_event (event_id text, reference text, provider_id text, type text, "
            "at timestamptz, raw text, PRIMARY KEY (event_id))"
        )
        with clock() as took:
            for at in range(0, len(events), BATCH):
                lines = "".join(
                    "\t".join((*event.values(), json.dumps(event))) + "\n"
                    for event in events[at : at + BATCH]
                )
                cursor.copy_expert(COPIED, io.StringIO(lines))
        cursor.execute("DROP TABLE bench_event")
    return len(events) / took.wall


def _as_told(org: object, events: list[dict[str, str]]) -> bool:
    """Whether the ledger says of everybody what was told of them."""
    from django.db.models import Count, Q

    from campaigns.models import Delivery

    kinds = [event["type"] for event in events]
    counted = Delivery.objects.for_org(org).aggregate(
        delivered=Count("seq", Q(delivered_at__isnull=False)),
        opened=Count("seq", Q(opened_at__isnull=False)),
        clicked=Count("seq", Q(clicked_at__isnull=False)),
        bounced=Count("seq", Q(outcome=Delivery.Outcome.NOT_DELIVERED)),
    )
    return counted == {name: kinds.count(name) for name in ("delivered", "opened", "clicked", "bounced")}


if __name__ == "__main__":
    main("receipts", run)
