"""Attribution: which sales belong to which messages, incrementally and anew with the same code.

Since the last run deliveries changed and bills did. First the people of those deliveries' campaigns are derived, then,
month by month, conversions (goal anchor, and slot anchor of both arms) and responses of the bills that either may have
touched, and their sums. A slice of customers is one transaction. Any number of runs may overlap and repeat; the result
is the same as a full recompute. What a run costs depends on what changed and on the windows of the goals it touches,
not on how long the org has been sending (`conversions.horizon`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Max

from audiences.models import Transaction
from conversions import figures, horizon, statements, statistics, work
from conversions.models import Progress
from conversions.work import BEGINNING, Bills, Month, Window
from engage.orgs import months
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

T = TypeVar("T")
Pair = tuple[int, int]

SLICE: Final = 20_000
# Rows carry a clock read when their transaction began or a little before, and become visible when it commits.
SETTLE: Final = timedelta(minutes=5)


@dataclass
class Done:
    """What a run did, for its log and its tests. `oldest_run_on`: the first run day that the live goals led to."""

    customers: int = 0
    conversions_written: int = 0
    conversions_removed: int = 0
    responses_written: int = 0
    responses_removed: int = 0
    corrected_figures: int = 0
    oldest_run_on: date | None = None

    def looked_at(self, day: date | None) -> None:
        if day is not None:
            self.oldest_run_on = min(self.oldest_run_on or day, day)


def attribute(org_id: int, *, at: datetime, settle: timedelta = SETTLE) -> Done:
    """Bring an org's conversions, responses and figures up to `at - settle`. Safe to repeat and to race."""
    with org_context(org_id):
        progress = Progress.objects.for_org(org_id).first()
    if progress is None:
        return recompute(org_id, at=at, settle=settle)
    done, bills = Done(), Bills()
    with org_context(org_id):
        window = Window.of(progress.next_since, at - settle, settle)
        _make_months()
        moves = work.moved_campaigns(org_id)
        pairs = work.changed_pairs(org_id, window)
        bills.add_changed(org_id, window)
        bills.add_moved(org_id, moves)
    for part in _slices(pairs):
        since = _derive_people_of_pairs(org_id, part, window, at)
        with org_context(org_id):
            bills.add_since(org_id, since)
    for _, month in sorted(bills.months.items()):
        for customers in _slices(sorted(month.since)):
            _derive_bills(org_id, customers, month, window, at, done)
    done.customers = len(bills.customers.union(customer for customer, _ in pairs))
    with org_context(org_id):
        _remember(org_id, moves, window, at)
    logger.info("attribution of org %s up to %s: %s", org_id, window.until, done)
    return done


def recompute(org_id: int, *, at: datetime, settle: timedelta = SETTLE) -> Done:
    """Everything anew from the ledger and the bills, a slice of customers at a time; the figures are summed anew."""
    done = Done()
    with org_context(org_id):
        reached = Window.of(BEGINNING, at - settle, settle)
        window = replace(reached, until=at + timedelta(days=1))
        _make_months()
        moves = work.moved_campaigns(org_id)
        past = _months_of(org_id)
    for part in _all_customers(org_id):
        _derive_people_of_customers(org_id, part, window, at)
        done.customers += len(part)
    for month in past:
        for part in _customers_of_month(org_id, month):
            _derive_bills(org_id, part, month, window, at, done)
    with org_context(org_id), connection.cursor() as cursor:
        _one_at_a_time(cursor, org_id)
        done.corrected_figures = figures.rebuild(org_id, at=at)
        _remember(org_id, moves, reached, at)
    return done


def _derive_people_of_pairs(
    org_id: int, pairs: Sequence[Pair], window: Window, at: datetime
) -> list[tuple[int, datetime]]:
    """Returns the customers whose bills must be looked at, and from when on."""
    customers, campaigns = map(list, zip(*pairs, strict=True))
    with org_context(org_id), connection.cursor() as cursor:
        days = horizon.run_days_of(org_id, set(campaigns))
        params: dict[str, Any] = {
            "org": org_id, "customers": customers, "campaigns": campaigns, "late": horizon.LATE.days,
            "since": window.since, "until": window.until,
            "first_days": [days[campaign][0] for campaign in campaigns],
            "last_days": [days[campaign][1] for campaign in campaigns],
            "oldest": min(first for first, _ in days.values()),
            "newest": max(last for _, last in days.values()),
        }  # fmt: skip
        _one_at_a_time(cursor, org_id)
        before = figures.of_pairs(org_id, customers, campaigns)
        cursor.execute(statements.PEOPLE_OF_PAIRS, params)
        since: list[tuple[int, datetime]] = cursor.fetchall()
        statistics.catch_up(statistics.PEOPLE)
        figures.add_difference(org_id, before, figures.of_pairs(org_id, customers, campaigns), at=at)
    return since


def _derive_people_of_customers(org_id: int, customers: list[int], window: Window, at: datetime) -> None:
    params: dict[str, Any] = {
        "org": org_id, "customers": customers, "late": horizon.LATE.days, "since": window.since,
        "until": window.until,
    }  # fmt: skip
    with org_context(org_id), connection.cursor() as cursor:
        _one_at_a_time(cursor, org_id)
        before = figures.of_customers(org_id, customers)
        cursor.execute(statements.PEOPLE_OF_CUSTOMERS, params)
        statistics.catch_up(statistics.PEOPLE)
        figures.add_difference(org_id, before, figures.of_customers(org_id, customers), at=at)


def _derive_bills(
    org_id: int, customers: list[int], month: Month, window: Window, at: datetime, done: Done
) -> None:
    """Conversions and responses of these customers' bills of a month, then the sums of whoever they touch."""
    with org_context(org_id), connection.cursor() as cursor:
        _one_at_a_time(cursor, org_id)
        statistics.catch_up(statistics.read_in(month.lo))
        look = horizon.of_slice(org_id, customers, month.lo, month.hi)
        done.looked_at(look.oldest)
        params = {
            **look.params, "org": org_id, "customers": customers, "since": window.since, "until": window.until,
            "sinces": [month.since_of(customer) for customer in customers], "at": at,
        }  # fmt: skip
        touched: set[Pair] = set()
        if look.attribution is not None:
            done.conversions_written += _run(cursor, look.attribution, params, touched)
        # What follows joins a slice with itself. Its tables have no statistics of rows just written, and a nested loop
        # that looks cheap then takes a minute.
        cursor.execute("SET LOCAL enable_nestloop = off")
        done.responses_written += _run(cursor, statements.RESPONSE, params, touched)
        statistics.catch_up(statistics.written_in(month.lo))
        done.conversions_removed += _run(cursor, statements.ATTRIBUTIONS_GONE, params, touched)
        done.responses_removed += _run(cursor, statements.RESPONSES_GONE, params, touched)
        cursor.execute(statements.LATEST, params)
        if touched:
            _rederive(cursor, org_id, sorted(touched), at)


def _run(cursor: CursorWrapper, statement: str, params: dict[str, Any], touched: set[Pair]) -> int:
    """Run a statement that returns the (customer, campaign) of the rows it wrote or removed; how many."""
    cursor.execute(statement, params)
    rows: list[Pair] = cursor.fetchall()
    touched.update(rows)
    return len(rows)


def _rederive(cursor: CursorWrapper, org_id: int, pairs: list[Pair], at: datetime) -> None:
    customers, campaigns = map(list, zip(*pairs, strict=True))
    days = horizon.run_days_of(org_id, set(campaigns))
    begins = {campaign: horizon.earliest_anchor(first) for campaign, (first, _) in days.items()}
    before = figures.of_pairs(org_id, customers, campaigns)
    params: dict[str, Any] = {
        "org": org_id, "customers": customers, "campaigns": campaigns, "begun": list(begins),
        "begins": list(begins.values()), "earliest": min(begins.values()),
    }  # fmt: skip
    cursor.execute(statements.REDERIVE, params)
    figures.add_difference(org_id, before, figures.of_pairs(org_id, customers, campaigns), at=at)


def _one_at_a_time(cursor: CursorWrapper, org_id: int) -> None:
    """One slice of an org at a time, whoever runs: the figures move by differences."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('attribution', %s))", [org_id])


def _all_customers(org_id: int) -> Iterator[list[int]]:
    """Every customer of the org by number, a slice at a time: memory stays flat."""
    return _pages(
        org_id,
        "SELECT id FROM audiences_customer WHERE org_id = %(org)s AND id > %(last)s ORDER BY id LIMIT %(n)s",
    )


def _customers_of_month(org_id: int, month: Month) -> Iterator[list[int]]:
    return _pages(org_id, statements.CUSTOMERS_OF_MONTH, lo=month.lo, hi=month.hi)


def _pages(org_id: int, statement: str, **params: Any) -> Iterator[list[int]]:
    last = 0
    while True:
        with org_context(org_id), connection.cursor() as cursor:
            cursor.execute(statement, {**params, "org": org_id, "last": last, "n": SLICE})
            part = [row[0] for row in cursor.fetchall()]
        if not part:
            return
        yield part
        last = part[-1]


def _slices(rows: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(rows)
    while part := list(islice(rest, SLICE)):
        yield part


def _partitions(table: str) -> set[date]:
    """The first days of the months that a table has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(c.relname, 6), 'YYYYMM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = %s::regclass",
            [table],
        )
        return {row[0] for row in cursor.fetchall()}


def _make_months() -> None:
    """Conversions and responses have the months that transactions have."""
    needed = _partitions("audiences_transaction")
    for table in ("conversions_attribution", "conversions_response"):
        months.ensure(table, needed - _partitions(table))


def _months_of(org_id: int) -> list[Month]:
    """The months in which the org has bills, or rows derived from bills that are no more."""
    found = []
    with connection.cursor() as cursor:
        for first in sorted(_partitions("audiences_transaction")):
            lo = datetime(first.year, first.month, 1, tzinfo=UTC)
            following = (lo + timedelta(days=31)).replace(day=1)
            month = Month(lo, following - timedelta(microseconds=1), otherwise=BEGINNING)
            cursor.execute(
                statements.CUSTOMERS_OF_MONTH,
                {"org": org_id, "lo": month.lo, "hi": month.hi, "last": 0, "n": 1},
            )
            if cursor.fetchone():
                found.append(month)
    return found


def _remember(org_id: int, moves: Iterable[work.Move], window: Window, at: datetime) -> None:
    work.remember(org_id, moves)
    # An increment and a reconciliation of a new org may come here at the same time.
    Progress.objects.bulk_create(
        [Progress(org_id=org_id, watermark=window.until, next_since=window.next_since, ran_at=at)],
        ignore_conflicts=True,
    )
    stored = Progress.objects.for_org(org_id).select_for_update().get()
    newest = (
        Transaction.objects.for_org(org_id)
        .filter(changed_at__gte=window.since, changed_at__lt=window.until, txn_at__lte=at)
        .aggregate(newest=Max("txn_at"))["newest"]
    )
    if window.since == BEGINNING:
        stored.transactions_up_to = newest
    elif newest is not None:
        stored.transactions_up_to = max(newest, stored.transactions_up_to or newest)
    if window.until > stored.watermark:
        stored.watermark, stored.next_since = window.until, window.next_since
    stored.ran_at = at
    stored.save()
