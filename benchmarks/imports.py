"""Imports: files of customers and transactions through the job that the page starts, and calls as the API makes them.

A customer row has ten columns and becomes six rows (customer, number, two addresses, two look-ups); a transaction row
becomes a bill, its look-up, and its share of the profile. Two processes work: the importing one and the database's. The
reference is a bare COPY of the same rows of the main
table into one without policies, with three indexes. The check counts what is stored and adds the money up.
"""

from __future__ import annotations

import csv
import io
import random
import resource
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
from _harness import Clock, Figure, clock, database, database_cpu, main

# customers, transactions, records by call
SIZES = {
    "tiny": (20_000, 20_000, 2_000),
    "S": (1_000_000, 2_000_000, 50_000),
    "L": (5_000_000, 10_000_000, 50_000),
}
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CALL = 1_000
# Two batches and a console; the same at every size.
MOST_MEMORY = 400
CITIES = [
    "Pune",
    "Mumbai",
    "Delhi",
    "Chennai",
    "Kolkata",
    "Bengaluru",
    "Hyderabad",
    "Jaipur",
    "Surat",
    "Kochi",
]
CUSTOMER = [
    "external_id",
    "first_name",
    "last_name",
    "gender",
    "birth_date",
    "city",
    "country",
    "email",
    "phone",
    "tier",
]
BILL = ["external_id", "customer", "at", "net", "gross", "store", "payment_modes"]

# The main tables as they would be without an org, a policy or a reference.
BARE = {
    "customers": """
        CREATE TEMPORARY TABLE bare (external_id text, first_name text, last_name text, gender text, birth_date date,
            city text, country text, email text, phone text, tier text);
        CREATE INDEX ON bare (external_id); CREATE INDEX ON bare (last_name); CREATE INDEX ON bare (city)""",
    "transactions": """
        CREATE TEMPORARY TABLE bare (external_id text, customer text, at timestamptz, net numeric, gross numeric,
            store text, payment_modes text);
        CREATE INDEX ON bare (external_id); CREATE INDEX ON bare (customer); CREATE INDEX ON bare (at)""",
}


def customers(count: int) -> Iterator[list[Any]]:
    """A few names and cities are common, and there is a long tail."""
    chance = random.Random(1)
    for n in range(count):
        common = int(chance.paretovariate(0.7))
        yield [
            f"C{n}", f"Asha{common % 4999}", f"Rao{common * 31 % 9973}", "female" if n % 2 else "male",
            f"19{50 + n % 50}-0{1 + n % 9}-17", CITIES[min(common, 97) % 10], "IN", f"asha{n}@example.com",
            f"+9198{n:08}", "Gold" if n % 7 == 0 else "",
        ]  # fmt: skip


def bills(count: int, people: int) -> Iterator[list[Any]]:
    """Over twelve months; a few customers buy much more than the others."""
    chance = random.Random(2)
    for n in range(count):
        at = NOON - timedelta(minutes=chance.randrange(365 * 24 * 60))
        net = chance.randrange(100, 1_000_000) / 100
        buyer = min(int(chance.paretovariate(1.1) * people / 50), people) - 1
        yield [f"B{n}", f"C{buyer}", at.isoformat(), f"{net:.2f}", f"{net:.2f}", f"S{n % 200}", "card"]


def written(path: Path, heading: list[str], rows: Iterator[list[Any]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(heading)
        writer.writerows(rows)
    return path


def run(size: str) -> list[Figure]:
    people, bought, called = SIZES[size]
    with database("imports") as environment, tempfile.TemporaryDirectory() as folder:
        django.setup()
        files = {
            "customers": written(Path(folder) / "customers.csv", CUSTOMER, customers(people)),
            "transactions": written(Path(folder) / "transactions.csv", BILL, bills(bought, people)),
        }
        spent = sum(round(float(row[3]) * 100) for row in bills(bought, people))
        bench = Bench(environment["DATABASE_URL"])
        figures = [
            bench.file("customers", files["customers"], people, "created"),
            bench.file("customers, the same file again", files["customers"], people, "unchanged"),
            bench.file("transactions", files["transactions"], bought, "created"),
            bench.calls(called),
        ]
        figures.append(bench.whole(people + called, bought, spent))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures.append(Figure("peak memory of the importing process", peak, "MB", correct=peak < MOST_MEMORY))
        return figures


class Bench:
    """One org, and what it takes to bring rows into it."""

    def __init__(self, url: str) -> None:
        from engage.orgs.founding import found_org

        self.url = url
        self.org = found_org(slug="bench", name="Bench", at=NOON, currency="INR", time_zone="Asia/Kolkata")

    def file(self, name: str, path: Path, rows: int, expected: str) -> Figure:
        from audiences.intake import Kind, csvfile, files
        from engage.orgs import jobs
        from engage.orgs.models import Job
        from engage.orgs.tenancy import org_context

        kind = Kind(name.partition(",")[0])
        look = csvfile.look(path)
        with org_context(self.org.pk):
            job = files.start(
                self.org,
                kind,
                path,
                filename=path.name,
                how=look.format,
                columns=look.preview[0],
                by=None,
                at=NOON,
            )
        database_before = database_cpu(self.url)
        with clock() as taken:
            jobs.run(self.org.pk, job.pk)
        database_seconds = database_cpu(self.url) - database_before
        with org_context(self.org.pk):
            job = Job.objects.for_org(self.org).get(pk=job.pk)
        bare = rows / self.bare(kind.value, path).wall
        return Figure(
            f"file: {name}", rows / taken.wall, "rows/s", bare, rows / taken.wall / bare,
            (taken.cpu + database_seconds) / rows * 1e6, correct=job.counts.get(expected) == rows,
        )  # fmt: skip

    def bare(self, kind: str, path: Path) -> Clock:
        """The same rows by COPY into a table that nothing guards."""
        from django.db import connection, transaction

        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(BARE[kind])
            with clock() as taken, path.open() as stream:
                cursor.copy_expert("COPY bare FROM STDIN (FORMAT csv, HEADER)", stream)
            cursor.execute("DROP TABLE bare")
        return taken

    def calls(self, count: int) -> Figure:
        """New customers, a thousand a call, each call durable when it is answered."""
        from audiences.intake import Kind, take

        records = [dict(zip(CUSTOMER, row, strict=True)) for row in customers(count)]
        for record in records:
            record["external_id"], record["email"] = f"A-{record['external_id']}", f"a-{record['email']}"
        buffer = io.StringIO()
        csv.writer(buffer).writerows([CUSTOMER, *(record.values() for record in records)])
        path = Path(tempfile.gettempdir()) / "bench-calls.csv"
        path.write_text(buffer.getvalue())
        bare = count / self.bare("customers", path).wall
        path.unlink()
        created, database_before = 0, database_cpu(self.url)
        with clock() as taken:
            for start in range(0, count, CALL):
                answers = take(
                    self.org, Kind.CUSTOMERS, records[start : start + CALL], source="bench", at=NOON
                )
                created += answers.counts["created"]
        cpu = (taken.cpu + database_cpu(self.url) - database_before) / count * 1e6
        pace = count / taken.wall
        return Figure(
            "calls of 1,000 customers", pace, "records/s", bare, pace / bare, cpu, correct=created == count
        )

    def whole(self, people: int, bought: int, spent: int) -> Figure:
        """What is stored, counted and added up."""
        from django.db.models import Sum

        from audiences.models import AddressRef, ContactPoint, Customer, Profile, Transaction
        from django.db.models import Exists, OuterRef
        from engage.orgs.tenancy import org_context

        with org_context(self.org.pk):
            counts = [
                model.objects.for_org(self.org).count() for model in (Customer, ContactPoint, AddressRef)
            ]
            found = Profile.objects.for_org(self.org).aggregate(Sum("net_total"), Sum("transactions"))
            stored = Transaction.objects.for_org(self.org).count()
            owner = Customer.objects.for_org(self.org).filter(id=OuterRef("customer_id"))
            orphans = ContactPoint.objects.for_org(self.org).filter(~Exists(owner)).count()
        correct = counts == [people, 2 * people, 2 * people] and stored == bought and not orphans
        correct &= (found["net_total__sum"], found["transactions__sum"]) == (spent, bought)
        return Figure("stored: customers and bills", sum(counts[:1]) + stored, "rows", correct=correct)


if __name__ == "__main__":
    main("imports", run)
