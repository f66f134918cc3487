"""The send: the freeze, then SMTP with DATA and with BDAT, and HTTP one request a message, to the sandbox carrier.

Two lanes, the database and the carrier share the machine. Every message is personal (8.7 KB, six tracked links; SMS by
HTTP), every outcome durable. Beside each rate stands the adapter alone, on messages rendered before, to the same carrier.
The check joins the carrier's own ledger with ours: nobody doubled, nobody lost.
"""

from __future__ import annotations

import csv
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from _harness import CHECKOUT, Figure, clock, database, database_cpu, main

# (customers, of them in the list that is sent to)
SIZES = {"tiny": (5_000, 3_000), "S": (1_000_000, 150_000), "L": (5_000_000, 1_000_000)}
LANES = 2


class Carrier:
    """The carrier's process with one account; the outbox keeps nothing."""

    def __init__(self, home: Path) -> None:
        self.home = home
        command = [
            sys.executable,
            "-m",
            "engage.local.carrier",
            "--home",
            str(home),
            "--smtp-port",
            "0",
            "--http-port",
            "0",
        ]
        self.process = subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL)
        while not (home / "ports.json").exists():
            time.sleep(0.02)
        ports = json.loads((home / "ports.json").read_text())
        self.smtp, self.http = f"127.0.0.1:{ports['smtp']}", f"http://127.0.0.1:{ports['http']}"

    def account(self, name: str, channel: str) -> str:
        key = secrets.token_hex(16)
        request = urllib.request.Request(
            f"{self.http}/admin/accounts",
            json.dumps(
                {"account": name, "key": key, "channel": channel, "keep_bodies": 0, "test_addresses": False}
            ).encode(),
            {"Authorization": f"Bearer {(self.home / 'admin.key').read_text().strip()}"},
        )
        urllib.request.urlopen(request).close()
        return key

    def references(self, name: str) -> list[str]:
        with (self.home / "ledger" / f"{name}.log").open(encoding="utf-8") as file:
            return [row["reference"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def carrying() -> Any:
    with tempfile.TemporaryDirectory() as home:
        carrier = Carrier(Path(home))
        try:
            yield carrier
        finally:
            carrier.process.terminate()
            carrier.process.wait()


class DatabaseCpu:
    """CPU seconds of all backends, also of those that end meanwhile: looked at often, each one's last reading counts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._seen: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._postmaster = self._parent()

    def _parent(self) -> str:
        import psycopg2

        connection = psycopg2.connect(self._url)
        pid = connection.info.backend_pid
        parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
        connection.close()
        return parent

    def _look(self) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[1] == self._postmaster:
                self._seen[folder.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self._look()

    def __enter__(self) -> DatabaseCpu:
        self._look()
        self._began = dict(self._seen)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()
        self.seconds = sum(cpu - self._began.get(pid, 0.0) for pid, cpu in self._seen.items())


def _workers(
    environment: dict[str, str], arguments: list[str], number: int, **more: str
) -> tuple[float, list[dict[str, Any]]]:
    """Workers that begin together: wall seconds until the last is done, and what each tells."""
    command = [sys.executable, str(Path(__file__).parent / "_lane.py"), *arguments]
    env = os.environ | environment | more
    started = [
        subprocess.Popen(
            command, cwd=CHECKOUT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(number)
    ]
    for worker in started:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    with clock() as took:
        for worker in started:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        told = [json.loads(worker.communicate()[0]) for worker in started]
    return took.wall, told


def run(size: str) -> list[Figure]:
    people, some = SIZES[size]
    with database("send") as environment, carrying() as carrier:
        environment |= {
            "ENGAGE_CARRIER_SMTP": carrier.smtp, "ENGAGE_CARRIER_URL": carrier.http, "ENGAGE_SEND_LANE_SECONDS": "3600",
            "ENGAGE_TRACKING_URL": "https://t.example.com",
        }  # fmt: skip
        os.environ.update(environment)
        django.setup()
        from _sending import Bench
        from django.db import connection

        bench = Bench(people, some)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.org_id', %s, false)", [str(bench.org.pk)])
        figures = [_freeze(bench, people, carrier, environment)]
        for name, channel, more in (
            ("SMTP DATA", "email", {"BENCH_ONLY_DATA": "1"}),
            ("SMTP BDAT", "email", {}),
            ("HTTP, one request a message", "sms", {}),
        ):
            figures += _send(bench, carrier, environment, name, channel, more)
        return figures


def _freeze(bench: Any, people: int, carrier: Carrier, environment: dict[str, str]) -> Figure:
    from django.db import connection

    from campaigns import freeze
    from campaigns.models import Run
    from campaigns.verify import verify_run
    from engage.orgs.tenancy import org_context

    sender = bench.sender("email", "freeze", carrier.account("freeze", "email"))
    one = bench.run("Freeze", bench.everybody, sender)
    busy = database_cpu(environment["DATABASE_URL"])
    with clock() as took:
        went = freeze.freeze(bench.org.pk, one.pk)
    busy = database_cpu(environment["DATABASE_URL"]) - busy
    with org_context(bench.org.pk), connection.cursor() as cursor:
        fresh = Run.objects.for_org(bench.org).get(pk=one.pk)
        right = (
            went
            and not list(verify_run(fresh))
            and fresh.targeted_customers == people
            and fresh.queue_size < people
        )
        cursor.execute(
            "CREATE TEMPORARY TABLE bench_recipient (LIKE campaigns_recipient INCLUDING INDEXES) ON COMMIT DROP"
        )
        with clock() as bare:
            cursor.execute(
                "INSERT INTO bench_recipient SELECT * FROM campaigns_recipient WHERE run_id = %s", [one.pk]
            )
        rate, reference = people / took.wall, fresh.queue_size / bare.wall
    return Figure("freeze", rate, "rows/s", reference, rate / reference, 1e6 * busy / people, right)


def _send(
    bench: Any, carrier: Carrier, environment: dict[str, str], name: str, channel: str, more: dict[str, str]
) -> list[Figure]:
    from campaigns import freeze, sweeper
    from campaigns.models import Run
    from engage.orgs.tenancy import org_context

    account = name.split(",", maxsplit=1)[0].lower().replace(" ", "-")
    sender = bench.sender(channel, account, carrier.account(account, channel))
    one = bench.run(name, bench.some, sender)
    freeze.freeze(bench.org.pk, one.pk)
    with org_context(bench.org.pk):
        queue = Run.objects.for_org(bench.org).get(pk=one.pk).queue_size
    bare_account = f"{account}-bare"
    bare_sender = bench.sender(channel, bare_account, carrier.account(bare_account, channel))
    bare_run = bench.run(f"{name} bare", bench.some, bare_sender)
    sink = carrier.cpu()
    with DatabaseCpu(environment["DATABASE_URL"]) as busy:
        wall, told = _workers(environment, ["lane", str(bench.org.pk), str(one.pk)], LANES, **more)
    sink = carrier.cpu() - sink
    sweeper.look_after(bench.org.pk)
    sent, right = _check(bench, carrier, one.pk, account)
    alone = min(sent, 20_000)
    bare_wall, bare = _workers(
        environment, ["bare", str(bench.org.pk), str(bare_run.pk), str(alone // LANES)], LANES, **more
    )
    lane_cpu = 1e6 * sum(worker["cpu"] for worker in told) / sent
    bare_cpu = 1e6 * sum(worker["cpu"] for worker in bare) / alone
    rate, reference = sent / wall, alone / bare_wall
    return [
        Figure(name, rate, "msg/s", reference, rate / reference, lane_cpu + 1e6 * busy.seconds / sent, right),
        Figure(f"{name}: lane CPU a message", lane_cpu, "µs", bare_cpu, lane_cpu / bare_cpu, lane_cpu, right),
        Figure(f"{name}: database CPU a message", 1e6 * busy.seconds / sent, "µs", None, None, None, right),
        Figure(f"{name}: the sink's own CPU a message", 1e6 * sink / sent, "µs", None, None, None, right),
        Figure(f"{name}: peak memory of a lane", max(worker["peak_mb"] for worker in told), "MB", None, None, None,
               right and queue >= sent),
    ]  # fmt: skip


def _check(bench: Any, carrier: Carrier, run_id: int, account: str) -> tuple[int, bool]:
    """How many were sent, and whether the carrier's file and the ledger agree on everybody."""
    from campaigns.models import Delivery, Run
    from campaigns.verify import verify_run
    from channels.tokens import read_reference
    from engage.orgs.tenancy import org_context

    accepted = Counter(read_reference(reference).seq for reference in carrier.references(account))
    with org_context(bench.org.pk):
        one = Run.objects.for_org(bench.org).get(pk=run_id)
        rows = Delivery.objects.for_org(bench.org).filter(run_id=run_id, state=Delivery.State.SENT)
        sent = set(rows.values_list("seq", flat=True))
        right = (
            one.status == Run.Status.COMPLETED
            and set(accepted) == sent
            and max(accepted.values()) == 1
            and not list(verify_run(one))
        )
    return len(sent), right


if __name__ == "__main__":
    main("send", run)
