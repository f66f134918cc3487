"""Pages of the console from its real server, with thousands of campaigns: how long they take, against an empty page.

Each page is asked for over one connection, one request after the other, by a signed-in admin. Beside the time to the last
byte: the queries of a page, and what is left of its time in the process without them (rendering, forms, rights). No page
counts deliveries, so the ledger is left empty; tallies and figures are there for every campaign.
"""

from __future__ import annotations

import http.client
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import django
from _harness import CHECKOUT, Figure, database, main

# customers, campaigns, requests a page
SIZES = {"tiny": (2_000, 200, 15), "S": (1_000_000, 10_000, 60), "L": (5_000_000, 50_000, 60)}
NOW = datetime.now(UTC)
CUSTOMERS = """
INSERT INTO audiences_customer (org_id, id, external_id, first_name, name_norm, city, city_norm, do_not_disturb, created_at,
    updated_at)
SELECT %(org)s, n, 'C' || n, 'Name ' || n %% 4999, 'name ' || n %% 4999, 'City ' || n %% (1 + n %% 97),
       'city ' || n %% (1 + n %% 97), false, %(at)s, %(at)s
FROM generate_series(1, %(people)s) AS n
"""


def run(size: str) -> list[Figure]:
    people, campaigns, times = SIZES[size]
    with database("pages") as environment:
        static = [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"]
        subprocess.run(static, cwd=CHECKOUT, env=os.environ | environment, check=True)
        django.setup()
        bench = Bench(people, campaigns)
        with serving(environment) as port:
            caller = Caller(port, bench.cookie)
            empty = caller.time("/ping", "ok", times)
            figures = []
            for name, (path, mark) in bench.pages().items():
                figures += bench.page(name, path, caller.time(path, mark, times), empty)
            return figures


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[int]:
    """The web server as the local stack starts it, but one process, so that every request finds it warm."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--no-ws",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += [
        "--workers",
        "1",
        "--blocking-threads",
        "1",
        "--workers-kill-timeout",
        "5",
        "--log-level",
        "error",
    ]
    server = subprocess.Popen(
        [*command, "engage.wsgi:application"], cwd=CHECKOUT, env=os.environ | environment
    )
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


class Timed(list[float]):
    """Milliseconds of each request; `right` when every answer was the page that was asked for."""

    right = True

    @property
    def p95(self) -> float:
        return sorted(self)[int(0.95 * len(self))]


class Caller:
    """A browser's connection, kept open."""

    def __init__(self, port: int, cookie: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Cookie": cookie, "Host": f"localhost:{port}"}

    def time(self, path: str, mark: str, times: int) -> Timed:
        taken = Timed()
        for number in range(times + 2):
            began = time.perf_counter()
            self.connection.request("GET", path, headers=self.headers)
            answer = self.connection.getresponse()
            body = answer.read()
            # The first two fill what is kept: templates, plans.
            if number > 1:
                taken.append(1e3 * (time.perf_counter() - began))
            taken.right &= answer.status == 200 and mark.encode() in body
        return taken


class Bench:
    """An org with campaigns of all ages, each with a message, a run, tallies and figures, and an admin's session."""

    def __init__(self, people: int, campaigns: int) -> None:
        from django.db import connection
        from django.test import Client

        from engage.orgs.founding import found_org, ready_made, seat_member
        from engage.orgs.models import User
        from engage.orgs.tenancy import org_context

        self.org = found_org(slug="bench", name="Bench", at=NOW, currency="EUR", time_zone="UTC")
        self.by = User.objects.create_user("bench@example.com", "Bench")
        with org_context(self.org.pk):
            seat_member(self.org, self.by, roles=[ready_made(self.org, "admin")], units=None, by=None, at=NOW)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
                cursor.execute(CUSTOMERS, {"org": self.org.pk, "people": people, "at": NOW})
                # As an import does.
                cursor.execute("SELECT analyze_audiences(%s)", [["audiences_customer"]])
            self._campaigns(campaigns)
        self.client = Client(headers={"host": "localhost"})
        self.client.force_login(self.by)
        self.cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.client.cookies.items())

    def _campaigns(self, count: int) -> None:
        """Spread over two years, most of them over; a few sent to very many, most to few."""
        from campaigns.models import Campaign, Message, MessageVersion, Run, Tally
        from conversions import attribution
        from conversions.models import ArmFigures, Goal

        # The first run of an org has nothing to find; it leaves word of how far it came.
        attribution.attribute(self.org.pk, at=NOW)
        chance = random.Random(3)
        days = [NOW.date() - timedelta(days=int(730 * chance.random() ** 2)) for _ in range(count)]
        made = {"org": self.org, "created_by": self.by, "created_at": NOW, "updated_at": NOW}
        campaigns = Campaign.objects.bulk_create(
            Campaign(
                name=f"Campaign {n}",
                start_on=day,
                end_on=day + timedelta(days=20),
                control_permille=100,
                **made,
            )
            for n, day in enumerate(days)
        )
        messages = Message.objects.bulk_create(
            Message(
                campaign=campaign,
                title="Message",
                zone="UTC",
                status="completed",
                channel="email",
                status_at=NOW,
                **made,
            )
            for campaign in campaigns
        )
        versions = MessageVersion.objects.bulk_create(
            MessageVersion(
                org=self.org,
                message=message,
                number=1,
                body="{}",
                hash="1:x",
                submitted_by=self.by,
                submitted_at=NOW,
            )
            for message in messages
        )
        runs = Run.objects.bulk_create(
            Run(
                org=self.org, campaign=campaign, message=message, version=version, run_on=day, status="completed",
                due_at=NOW, created_at=NOW, finished_at=NOW,
            )
            for campaign, message, version, day in zip(campaigns, messages, versions, days, strict=True)
        )  # fmt: skip
        sizes = [int(100 * chance.paretovariate(0.8)) % 900_000 for _ in runs]
        Tally.objects.bulk_create(
            Tally(
                org=self.org, run_id=run.pk, id=place, slot=0, channel="email", variant=0, arm=0, state=state,
                reason=reason, outcome=outcome, n=size * share // 100,
            )
            for run, size in zip(runs, sizes, strict=True)
            for place, (state, reason, outcome, share) in enumerate(
                [(0, "", 0, 100), (1, "", 2, 80), (1, "hard_bounced", 3, 2), (4, "unsubscribed", 0, 8), (5, "", 0, 10)]
            )
        )  # fmt: skip
        ArmFigures.objects.bulk_create(
            ArmFigures(
                org=self.org, campaign=campaign, arm=arm, targeted=size, contacted=size, delivered=size, responders=size // 20,
                bills=size // 15, sales=size * 300, squares=size * 90_000, converted=size // 40, computed_at=NOW,
            )
            for campaign, size in zip(campaigns, sizes, strict=True)
            for arm in (0, 1)
        )  # fmt: skip
        Goal.objects.bulk_create(
            Goal(org=self.org, campaign=campaign, updated_at=NOW, window_days=15) for campaign in campaigns
        )
        self.some, self.message = campaigns[count // 2], messages[count // 2]

    def pages(self) -> dict[str, tuple[str, str]]:
        """What is asked for, and a text that only the right page holds."""
        root, name = f"/o/{self.org.slug}", self.some.name
        return {
            "campaign list": (f"{root}/campaigns/", "Campaign "),
            "campaign list, searched": (f"{root}/campaigns/?q=Campaign+7", "Campaign 7"),
            "campaign": (f"{root}/campaigns/{self.some.pk}/", name),
            "campaign report": (f"{root}/reports/campaigns/{self.some.pk}/", name),
            "report strip": (f"{root}/reports/strip/?period=1M", "strip"),
            "delivery dashboard": (f"{root}/delivery/", "Delivery"),
            "customer list": (f"{root}/customers/", "Name "),
        }

    def page(self, name: str, path: str, timed: Timed, empty: Timed) -> list[Figure]:
        queries, render = self._inside(path)
        reference = statistics.median(empty)
        middle = statistics.median(timed)
        return [
            Figure(f"{name}: p95", timed.p95, "ms", empty.p95, timed.p95 / empty.p95, None, timed.right),
            Figure(f"{name}: p50", middle, "ms", reference, middle / reference, None, timed.right),
            Figure(f"{name}: in the process, without its queries", 1e3 * render, "ms", None, None, 1e6 * render, timed.right),
            Figure(f"{name}: queries", queries, "", None, None, None, timed.right),
        ]  # fmt: skip

    def _inside(self, path: str) -> tuple[int, float]:
        """How many queries a page makes, and its CPU seconds in the process: the best of five."""
        from django.db import connection

        counted: list[int] = []
        best = 1e9

        def counting(execute: Any, *arguments: Any) -> Any:
            counted[-1] += 1
            return execute(*arguments)

        with connection.execute_wrapper(counting):
            for _ in range(5):
                counted.append(0)
                began = time.process_time()
                assert self.client.get(path).status_code == 200, path
                best = min(best, time.process_time() - began)
        return counted[-1], best


if __name__ == "__main__":
    main("pages", run)
