"""Segments: the numbers of the builder, and lists, against DuckDB with the same rows and bitmaps with the same members.

A preview is what a page asks for while somebody builds: the tree, its base and each condition. An exact count is of the
saved filter. A list is written from a filter as the freeze writes one, and lists are combined as filters combine them.
The oracle is DuckDB (counts) and pyroaring (lists): all must agree on the number.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
import duckdb
from _harness import Figure, database, database_cpu, main
from pyroaring import BitMap

# customers, transactions
SIZES = {"tiny": (105_000, 60_000), "S": (1_000_000, 2_000_000), "L": (5_000_000, 10_000_000)}
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMES = 5

# A few cities and a few customers make up most of what there is, and there is a long tail. `u` is uniform in (0, 1].
_PEOPLE = """
INSERT INTO audiences_customer (org_id, id, external_id, first_name, gender, city, city_norm, loyalty_member, points,
    registered_at, do_not_disturb, created_at, updated_at)
SELECT %(org)s, n, 'C' || n, 'Name' || n %% 4999, (ARRAY['female', 'male', NULL])[1 + n %% 3],
       'City ' || floor(97 * u * u * u), 'city ' || floor(97 * u * u * u), n %% 5 < 2, (1000 * u)::int,
       %(at)s::timestamptz - u * interval '900 days', false, %(at)s, %(at)s
FROM generate_series(1, %(people)s) AS n
CROSS JOIN LATERAL (SELECT (1 + (hashint8(n)::bigint & 65535)) / 65536.0::float8 AS u) AS chance;
"""
_BILLS = """
INSERT INTO audiences_transaction (org_id, customer_id, txn_at, id, external_id, kind, net, net_after_returns,
    fully_returned, items, payment_modes, coupon_codes, custom, received_at, changed_at)
SELECT %(org)s, 1 + floor(%(people)s * u * u)::bigint %% %(people)s, at, n, 'B' || n, 'sale', net, net, false, 1,
       '{card}', '{}', '{}', at, at
FROM generate_series(1, %(bills)s) AS n
CROSS JOIN LATERAL (SELECT (1 + (hashint8(n + 7)::bigint & 1048575)) / 1048577.0::float8 AS u,
                           (1 + (hashint8(n + 9)::bigint & 65535)) / 65536.0::float8 AS v) AS chance
CROSS JOIN LATERAL (SELECT %(at)s::timestamptz - v * v * interval '360 days' AS at,
                           100 + (-ln(u) * 3000)::bigint AS net) AS bill;
INSERT INTO audiences_profile (org_id, customer_id, first_bought_at, last_bought_at, transactions, net_total, computed_at)
SELECT %(org)s, customer_id, min(txn_at), max(txn_at), count(*), sum(net_after_returns), %(at)s
FROM audiences_transaction WHERE org_id = %(org)s GROUP BY customer_id;
"""
_MEMBERS = """
INSERT INTO audiences_listmember (org_id, customer_id, version_id, tags)
SELECT %(org)s, n, %(version)s, '{}' FROM generate_series(1, %(people)s) AS n
WHERE (hashint8(n + %(version)s) & 255) < CASE WHEN n < %(people)s / 4 THEN 200 ELSE 60 END
"""
_COPIED = {
    "people": """SELECT customer.id, city_norm, gender, transactions, net_total, last_bought_at::date AS last_day
FROM audiences_customer customer
LEFT JOIN audiences_profile profile ON profile.org_id = ORG AND profile.customer_id = customer.id
WHERE customer.org_id = ORG""",
    "bills": "SELECT customer_id, txn_at::date AS day, net FROM audiences_transaction WHERE org_id = ORG",
    "members": "SELECT customer_id, version_id FROM audiences_listmember WHERE org_id = ORG",
}
_TABLES = ("audiences_customer", "audiences_profile", "audiences_listmember")

IN_CITY = {"field": "city", "op": "is", "value": "City 3"}
SPENT = {"field": "amount", "op": "gte", "value": 15000}
LATELY = {**SPENT, "value": 2000, "when": {"op": "last", "value": {"n": 30, "unit": "day"}}}
MIXED = [
    {"field": "city", "op": "in_list", "value": ["City 0", "City 1", "City 5"]},
    {"field": "gender", "op": "any_of", "value": ["female"]},
    {"field": "transactions", "op": "gte", "value": 2},
    {"field": "last_days", "op": "lte", "value": 120},
    {"field": "amount", "op": "lt", "value": 2000, "exclude": 1},
]
# name → conditions, and the same for DuckDB over `people` (customer and profile together) and `bills`
FILTERS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "city": ([IN_CITY], "city_norm = 'city 3'"),
    "spent at least": ([SPENT], "net_total >= 15000"),
    "five conditions": (
        MIXED,
        """city_norm IN ('city 0', 'city 1', 'city 5') AND gender = 'female' AND transactions >= 2
           AND last_day >= DATE '2026-02-01' AND NOT coalesce(net_total, 0) < 2000""",
    ),
    "spent in 30 days, from the bills": (
        [LATELY],
        """id IN (SELECT customer_id FROM bills WHERE day BETWEEN DATE '2026-05-03' AND DATE '2026-06-01'
           GROUP BY 1 HAVING sum(net) >= 2000)""",
    ),
}


def median(work: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds of the middle of some runs, and the answer."""
    taken, answer = [], None
    for _ in range(TIMES):
        began = time.perf_counter()
        answer = work()
        taken.append(1e3 * (time.perf_counter() - began))
    return statistics.median(taken), answer


def run(size: str) -> list[Figure]:
    people, bills = SIZES[size]
    with database("segments") as environment:
        django.setup()
        bench = Bench(environment["DATABASE_URL"], people, bills)
        figures = []
        for name, (conditions, same) in FILTERS.items():
            figures += bench.numbers(name, conditions, same)
        figures.append(bench.materialise())
        for name in ("union", "intersection", "difference"):
            figures.append(bench.combine(name))
        return figures


class Bench:
    """An org with people, bills and two lists, and the same in DuckDB and in bitmaps."""

    def __init__(self, url: str, people: int, bills: int) -> None:
        from django.db import connection

        from audiences.models import Audience, AudienceVersion
        from engage.orgs import months
        from engage.orgs.founding import found_org
        from engage.orgs.models import OrgSettings, User
        from engage.orgs.tenancy import org_context

        self.url = url
        self.org = found_org(slug="bench", name="Bench", at=NOON, currency="EUR", time_zone="UTC")
        by = User.objects.create_user("bench@example.com", "Bench")
        months.ensure("audiences_transaction", [(NOON - timedelta(days=30 * n)).date() for n in range(14)])
        with org_context(self.org.pk), connection.cursor() as cursor:
            self.settings = OrgSettings.objects.for_org(self.org).get()
            cursor.execute("SET LOCAL synchronous_commit = off")
            facts = {"org": self.org.pk, "people": people, "bills": bills, "at": NOON}
            cursor.execute(_PEOPLE, facts)
            cursor.execute(_BILLS, facts)
            self.lists = []
            for name in ("One", "Two"):
                made = {"org": self.org, "created_by": by, "created_at": NOON}
                audience = Audience.objects.create(kind="upload", name=name, updated_at=NOON, **made)
                version = AudienceVersion.objects.create(audience=audience, number=1, digest=name, **made)
                cursor.execute(_MEMBERS, {**facts, "version": version.pk})
                self.lists.append(version.pk)
        with connection.cursor() as cursor:
            cursor.execute("SELECT analyze_audiences(%s)", [list(_TABLES)])
            for month in {f"{NOON - timedelta(days=30 * n):%Y%m}" for n in range(12)}:
                cursor.execute("SELECT analyze_audiences(%s)", [[f"audiences_transaction_{month}"]])
        self.people = people
        self._copy()

    def _copy(self) -> None:
        """The rows that the filters look at, for DuckDB on both cores, and the members as bitmaps."""
        from django.db import connection

        from engage.orgs.tenancy import org_context

        self.duck = duckdb.connect(config={"threads": 2})
        self.bitmaps = []
        with org_context(self.org.pk), connection.cursor() as cursor, tempfile.TemporaryDirectory() as folder:
            for table, rows in _COPIED.items():
                path = Path(folder) / f"{table}.csv"
                with path.open("wb") as stream:
                    cursor.copy_expert(
                        f"COPY ({rows.replace('ORG', str(self.org.pk))}) TO STDOUT (FORMAT csv, HEADER)",
                        stream,
                    )
                self.duck.execute(f"CREATE TABLE {table} AS SELECT * FROM read_csv('{path}')")
        for version in self.lists:
            rows = self.duck.execute("SELECT customer_id FROM members WHERE version_id = ?", [version])
            self.bitmaps.append(BitMap(rows.fetchnumpy()["customer_id"]))

    def _tree(self, conditions: list[dict[str, Any]], audiences: tuple[int, ...] = ()) -> tuple[Any, Any]:
        from audiences.segments import tree
        from audiences.segments.frame import Frame

        items = [{"exclude": 0, **condition} for condition in conditions]
        blocks = [{"match": "all", "exclude": 0, "items": items}] if items else []
        base = {"unit": None, "audiences": list(audiences), "loyalty": "both"}
        frame = Frame(self.org, self.settings, NOON)
        return tree.parse({"version": 1, "base": base, "blocks": blocks}, frame), frame

    def _asked(self, work: Callable[[], Any]) -> tuple[float, float, Any]:
        """Milliseconds of one run of `work` inside the org, database CPU microseconds of it, and the answer."""
        from engage.orgs.tenancy import org_context

        def inside() -> Any:
            with org_context(self.org.pk):
                return work()

        before = database_cpu(self.url)
        took, answer = median(inside)
        return took, 1e6 * (database_cpu(self.url) - before) / TIMES, answer

    def numbers(self, name: str, conditions: list[dict[str, Any]], same: str) -> list[Figure]:
        from audiences.segments import compiler, counting
        from django.db import connection

        def exactly() -> int:
            query = compiler.customers(*self._tree(conditions))
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM ({query.sql}) found", query.params)
                return int(cursor.fetchone()[0])

        reference, expected = median(
            lambda: self.duck.execute(f"SELECT count(*) FROM people WHERE {same}").fetchone()[0]
        )
        took, cpu, n = self._asked(exactly)
        exact = Figure(f"exact count: {name}", took, "ms", reference, took / reference, cpu, n == expected)
        took, cpu, counted = self._asked(lambda: counting.count(*self._tree(conditions)))
        size = counted.size
        # The interval is of 95 in 100; one three times as wide is missed once in a hundred million.
        low, high = (
            (size.n, size.n) if size.exact else (4 * size.low - 3 * size.n, 4 * size.high - 3 * size.n)
        )
        near = low <= expected <= high
        return [Figure(f"preview: {name}", took, "ms", reference, took / reference, cpu, near), exact]

    def materialise(self) -> Figure:
        """Whom a filter finds, written as a list. Undone after each run."""
        from audiences.segments import compiler
        from django.db import connection, transaction

        def write() -> int:
            query = compiler.customers(*self._tree([SPENT]))
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO audiences_listmember (org_id, customer_id, version_id, tags) "
                    f"SELECT %(org)s, customer_id, 0, '{{}}' FROM ({query.sql}) found", query.params,
                )  # fmt: skip
                written = int(cursor.rowcount)
                transaction.set_rollback(True)
            return written

        found = "SELECT id FROM people WHERE net_total >= 15000"
        reference, bitmap = median(lambda: BitMap(self.duck.execute(found).fetchnumpy()["id"]))
        took, cpu, n = self._asked(write)
        return Figure(
            f"a list of {n:,} written",
            took,
            "ms",
            reference,
            took / reference,
            cpu / max(n, 1),
            n == len(bitmap),
        )

    def combine(self, name: str) -> Figure:
        """Two lists as the base of a filter, and one as a condition on the other."""
        from audiences.segments import compiler
        from django.db import connection

        one, two = self.lists
        among = {"field": "audience", "op": "any_of", "value": [two]}
        asked = {
            "union": ([], (one, two)),
            "intersection": ([among], (one,)),
            "difference": ([{**among, "exclude": 1}], (one,)),
        }[name]

        def count() -> int:
            query = compiler.customers(*self._tree(*asked))
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM ({query.sql}) found", query.params)
                return int(cursor.fetchone()[0])

        a, b = self.bitmaps
        bare = {"union": lambda: a | b, "intersection": lambda: a & b, "difference": lambda: a - b}[name]
        reference, bitmap = median(bare)
        took, cpu, n = self._asked(count)
        return Figure(f"{name} of two lists", took, "ms", reference, took / reference, cpu, n == len(bitmap))


if __name__ == "__main__":
    main("segments", run)
