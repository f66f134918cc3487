"""Attribution: which sales belong to which messages, incrementally and anew with the same code.

Customers whose bills or deliveries changed since the last run are taken in slices. A slice is one transaction: it
derives the people of campaigns, conversions (goal anchor, and slot anchor of both arms), responses and their sums from
the rows as they are. Any number of runs may overlap and repeat; the result is the same as a full recompute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final

from django.db import connection
from django.db.backends.utils import CursorWrapper

from audiences.models import Transaction
from campaigns.models import Campaign, Delivery, Run
from conversions import conditions, figures, statements
from conversions.models import Goal, Progress, Span
from engage.orgs import months
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

SLICE: Final = 20_000
# Rows carry a clock read when their transaction began or a little before, and become visible when it commits.
SETTLE: Final = timedelta(minutes=5)
# How long before a sale the run of its delivery can lie: the longest window, and as long again for a late open.
HORIZON: Final = timedelta(days=180)
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


# The oldest transaction of others; those of this role are seen, and no other role writes rows.
_OPEN_SINCE = """
SELECT coalesce(min(xact_start), now()) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Window:
    """Which changes a run looks at, by the server's clock: `since <= changed < until`.

    The next one looks from `next_since` on: what a transaction that is open now will have written stands after it.
    """

    since: datetime
    until: datetime
    next_since: datetime


@dataclass
class Done:
    """What a run did, for its log and its tests."""

    customers: int = 0
    conversions_written: int = 0
    conversions_removed: int = 0
    responses_written: int = 0
    responses_removed: int = 0
    corrected_figures: int = 0


@dataclass(frozen=True)
class Plan:
    """What is the same for every slice of a run: goals, dates, compiled questions."""

    params: dict[str, Any]
    attribution: str | None
    spans: dict[int, tuple[datetime, datetime]]
    moved: list[int] = field(default_factory=list)


def attribute(org_id: int, *, at: datetime, settle: timedelta = SETTLE) -> Done:
    """Bring an org's conversions, responses and figures up to `at - settle`. Safe to repeat and to race."""
    with org_context(org_id):
        progress = Progress.objects.for_org(org_id).first()
        window = _window(progress.next_since if progress else BEGINNING, at - settle, settle)
        _make_months()
        plan = _plan(org_id, window)
        customers = _changed_customers(org_id, window)
        moved = _customers_of(org_id, plan.moved)
    done = Done(customers=len(customers) + len(moved))
    for part in _slices(customers):
        _derive(org_id, part, plan, window, at, done)
    for part in _slices(moved):
        _derive(org_id, part, plan, replace(window, since=BEGINNING), at, done)
    with org_context(org_id):
        _remember(org_id, plan, window, at)
    logger.info("attribution of org %s up to %s: %s", org_id, window.until, done)
    return done


def recompute(org_id: int, *, at: datetime) -> Done:
    """Everything anew from the ledger and the bills, a slice of customers at a time; the figures are summed anew."""
    with org_context(org_id):
        reached = _window(BEGINNING, at - SETTLE, SETTLE)
        window = replace(reached, until=at + timedelta(days=1))
        _make_months()
        plan = _plan(org_id, window)
    done = Done()
    for part in _all_customers(org_id):
        _derive(org_id, part, plan, window, at, done)
        done.customers += len(part)
    with org_context(org_id):
        done.corrected_figures = figures.rebuild(org_id, at=at)
        _remember(org_id, plan, reached, at)
    return done


def _window(since: datetime, until: datetime, settle: timedelta) -> Window:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_SINCE)
        open_since: datetime = cursor.fetchone()[0]
    return Window(since, until, min(until, open_since - settle))


def _derive(org_id: int, customers: list[int], plan: Plan, window: Window, at: datetime, done: Done) -> None:
    params = {
        **plan.params, "org": org_id, "customers": customers, "since": window.since, "until": window.until,
        "at": at,
    }  # fmt: skip
    with org_context(org_id), connection.cursor() as cursor:
        # One slice of an org at a time, whoever runs: the figures move by differences.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('attribution', %s))", [org_id])
        before = figures.of_slice(org_id, customers)
        cursor.execute(statements.PEOPLE, params)
        if plan.attribution is not None:
            cursor.execute(plan.attribution, params)
            done.conversions_written += cursor.rowcount
        # What follows joins a slice with itself. Its tables have no statistics of rows just written, and a nested loop
        # that looks cheap then takes a minute.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(statements.RESPONSE, params)
        done.responses_written += cursor.rowcount
        done.conversions_removed += _remove(cursor, "conversions_attribution", params)
        done.responses_removed += _remove(cursor, "conversions_response", params)
        cursor.execute(statements.LATEST, params)
        cursor.execute(statements.REDERIVE, params)
        figures.add_difference(org_id, before, figures.of_slice(org_id, customers), at=at)


def _remove(cursor: CursorWrapper, table: str, params: dict[str, Any]) -> int:
    removed = 0
    for statement in statements.REMOVALS[table]:
        cursor.execute(statement, params)
        removed += cursor.rowcount
    return removed


def _plan(org_id: int, window: Window) -> Plan:
    settings = OrgSettings.objects.for_org(org_id).get()
    oldest = _oldest_run_day(org_id, window)
    with_runs = Run.objects.for_org(org_id).filter(run_on__gte=oldest).values("campaign_id")
    goals = list(Goal.objects.for_org(org_id).filter(campaign_id__in=with_runs).order_by("campaign_id"))
    questions = _questions(goals)
    spans = {
        campaign.pk: (campaign.starts_at(settings.zone), campaign.ends_at(settings.zone))
        for campaign in Campaign.objects.for_org(org_id).filter(pk__in=with_runs)
    }
    stored = {span.campaign_id: (span.starts_at, span.ends_at) for span in Span.objects.for_org(org_id)}
    dated = sorted(spans)
    params: dict[str, Any] = {
        "zone": settings.time_zone,
        "oldest": oldest,
        "newest": window.until.date() + timedelta(days=31),
        "campaigns": [goal.campaign_id for goal in goals],
        "windows": [goal.window_days * 24 for goal in goals],
        "anchors": [goal.anchor for goal in goals],
        "touches": [goal.touch for goal in goals],
        "questions": [questions.numbers[goal.pk] for goal in goals],
        "dated": dated,
        "starts": [spans[pk][0] for pk in dated],
        "ends": [spans[pk][1] for pk in dated],
        **questions.params,
    }
    statement = statements.ATTRIBUTION.replace("{{met}}", questions.sql) if goals else None
    moved = [pk for pk, span in spans.items() if pk in stored and stored[pk] != span]
    return Plan(params, statement, spans, moved)


@dataclass(frozen=True)
class _Questions:
    sql: str
    params: dict[str, Any]
    numbers: dict[int, int]


def _questions(goals: list[Goal]) -> _Questions:
    """Goals with the same conditions ask one question; each is evaluated on its own candidates only."""
    known: dict[str, int] = {}
    branches: list[str] = []
    params: dict[str, Any] = {}
    numbers: dict[int, int] = {}
    for goal in goals:
        text = repr(goal.groups)
        if text not in known:
            number = known[text] = len(known)
            predicate = conditions.compile_groups(goal.groups, f"q{number}")
            branches.append(statements.QUESTION.format(number=number, predicate=predicate.sql))
            params.update(predicate.params)
        numbers[goal.pk] = known[text]
    return _Questions(" UNION ALL ".join(branches), params, numbers)


def _oldest_run_day(org_id: int, window: Window) -> date:
    changed = {"changed_at__gte": window.since, "changed_at__lt": window.until}
    bill = (
        Transaction.objects.for_org(org_id)
        .filter(**changed)
        .order_by("txn_at")
        .values_list("txn_at", flat=True)
    )
    moved = {"anchors_changed_at__gte": window.since, "anchors_changed_at__lt": window.until}
    day = Delivery.objects.for_org(org_id).filter(**moved).order_by("run_on").values_list("run_on", flat=True)
    first_bill, first_run = bill.first(), day.first()
    days = [first_bill.date()] if first_bill else []
    days += [first_run] if first_run else []
    return min(days, default=window.until.date()) - HORIZON


def _changed_customers(org_id: int, window: Window) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            statements.CHANGED_CUSTOMERS, {"org": org_id, "since": window.since, "until": window.until}
        )
        return [row[0] for row in cursor.fetchall()]


def _customers_of(org_id: int, campaigns: list[int]) -> list[int]:
    if not campaigns:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT customer_id FROM conversions_campaigncustomer "
            "WHERE org_id = %(org)s AND campaign_id = ANY(%(campaigns)s) ORDER BY 1",
            {"org": org_id, "campaigns": campaigns},
        )
        return [row[0] for row in cursor.fetchall()]


def _all_customers(org_id: int) -> Iterator[list[int]]:
    """Every customer of the org by number, a slice at a time: memory stays flat."""
    last = 0
    while True:
        with org_context(org_id), connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM audiences_customer WHERE org_id = %(org)s AND id > %(last)s ORDER BY id LIMIT %(n)s",
                {"org": org_id, "last": last, "n": SLICE},
            )
            part = [row[0] for row in cursor.fetchall()]
        if not part:
            return
        yield part
        last = part[-1]


def _slices(customers: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(customers)
    while part := list(islice(rest, SLICE)):
        yield part


def _make_months() -> None:
    """Conversions and responses have the months that transactions have."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(c.relname, 6), 'YYYYMM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = 'audiences_transaction'::regclass"
        )
        days = [row[0] for row in cursor.fetchall()]
    for table in ("conversions_attribution", "conversions_response"):
        months.ensure(table, days)


def _remember(org_id: int, plan: Plan, window: Window, at: datetime) -> None:
    Span.objects.bulk_create(
        (
            Span(org_id=org_id, campaign_id=pk, starts_at=starts, ends_at=ends)
            for pk, (starts, ends) in plan.spans.items()
        ),
        update_conflicts=True,
        unique_fields=["org", "campaign"],
        update_fields=["starts_at", "ends_at"],
    )
    # An increment and a reconciliation of a new org may come here at the same time.
    Progress.objects.bulk_create(
        [Progress(org_id=org_id, watermark=window.until, next_since=window.next_since, ran_at=at)],
        ignore_conflicts=True,
    )
    stored = Progress.objects.for_org(org_id).select_for_update().get()
    if window.until > stored.watermark:
        stored.watermark, stored.next_since = window.until, window.next_since
    stored.transactions_up_to = (
        Transaction.objects.for_org(org_id)
        .filter(changed_at__lt=stored.watermark, txn_at__lte=at)
        .order_by("-txn_at")
        .values_list("txn_at", flat=True)
        .first()
    )
    stored.ran_at = at
    stored.save()
