"""Campaigns with goals and runs for benchmarks; imported after Django is set up."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection

from campaigns.models import Campaign, Message, MessageVersion, Run
from conversions.models import Goal
from engage.orgs import months
from engage.orgs.founding import found_org
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context

ANCHORS, TOUCHES, WINDOWS = ("sent", "delivered", "opened"), ("first", "last"), (7, 15, 30, 45)
TABLES = (
    "audiences_transaction",
    "audiences_transactionline",
    "campaigns_delivery",
    "campaigns_deliveryevent",
)


def season(campaigns: int, *, days: int, start: date, slug: str = "bench") -> Org:
    """An org with this many campaigns spread over the days, one run each, and goals of different kinds."""
    at = datetime.combine(start, time(12), UTC)
    org = found_org(slug=slug, name="Bench", at=at, time_zone="UTC", currency="EUR")
    author = User.objects.create_user(f"{slug}@example.com", "Bench")
    with org_context(org.pk):
        for table in TABLES:
            months.ensure(table, [start + timedelta(days=30 * n) for n in range(-1, days // 30 + 3)])
        for number in range(campaigns):
            _campaign(org, author, number, start + timedelta(days=number * (days - 5) // campaigns), at)
    return org


def _campaign(org: Org, author: User, number: int, day: date, at: datetime) -> None:
    made = {"created_by": author, "created_at": at, "updated_at": at}
    campaign = Campaign.objects.create(
        org=org,
        name=f"Campaign {number}",
        start_on=day,
        end_on=day + timedelta(days=20),
        control_permille=100,
        **made,
    )
    Goal.objects.create(
        org=org, campaign=campaign, updated_at=at, anchor=ANCHORS[number % 3], touch=TOUCHES[number % 2],
        window_days=WINDOWS[number % 4],
        groups=[] if number % 3 else [[{"field": "net", "op": "gt", "value": 3000 + 100 * (number % 20)}]],
    )  # fmt: skip
    message = Message.objects.create(
        org=org, campaign=campaign, title="Message", zone="UTC", status_at=at, **made
    )
    version = MessageVersion.objects.create(
        org=org, message=message, number=1, body="{}", hash="1:x", submitted_by=author, submitted_at=at
    )
    Run.objects.create(
        org=org, campaign=campaign, message=message, version=version, run_on=day, status="completed", due_at=at,
        created_at=at, finished_at=at,
    )  # fmt: skip


def table_digest(org: Org, model: Any) -> str:
    """A digest of all rows of a table, whatever their order."""
    with org_context(org.pk), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) || ':' || coalesce(sum(hashtextextended((to_jsonb(t) - 'derived_at')::text, 0)::numeric), 0) "
            f"FROM {model._meta.db_table} t WHERE org_id = %s",
            [org.pk],
        )
        return str(cursor.fetchone()[0])
