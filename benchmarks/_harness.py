"""What every benchmark shares: sizes, a database of its own, figures with a reference, one output format.

    python benchmarks/NAME.py --size tiny|S|L --json FILE

Machines are shared and noisy: CPU per unit and the ratio to a reference in the same run are the figures to trust.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg2

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from engage.local import roles, servers
from engage.local.home import Home

HOME = CHECKOUT / "var" / "bench"


@dataclass(frozen=True)
class Figure:
    """One line of a result. `reference` is in the unit of `figure`; `cpu_us` is CPU microseconds a unit of work.

    `correct`: the result was checked (counted at the sink, compared with an oracle) and holds.
    """

    name: str
    figure: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    cpu_us: float | None = None
    correct: bool = False


@dataclass
class Clock:
    """Wall and CPU seconds of the block, this process and its finished children together."""

    wall: float = 0.0
    cpu: float = 0.0


def _cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@contextmanager
def clock() -> Iterator[Clock]:
    reading = Clock()
    wall, cpu = time.perf_counter(), _cpu()
    yield reading
    reading.wall, reading.cpu = time.perf_counter() - wall, _cpu() - cpu


@contextmanager
def database(name: str) -> Iterator[dict[str, str]]:
    """A fresh, durable, migrated database on the embedded servers; yields the runtime role's environment.

    `os.environ` holds it too, so that Django can be set up afterwards. Dropped at the end.
    """
    share = servers.join(Home.at(HOME), durable=True)
    owner, runtime = share.url(roles.OWNER), share.url(roles.RUNTIME)
    base = f"bench_{name}"
    try:
        _sql(owner, f'DROP DATABASE IF EXISTS "{base}"', f'CREATE DATABASE "{base}"')
        environment = {
            "DATABASE_URL": roles.with_database(runtime, base),
            "REDIS_URL": share.redis_url.replace("db=0", "db=9"),
            "SECRET_KEY": "for benchmarks only",
            "ENGAGE_PLAIN_HTTP": "1",
            "ENGAGE_HOME": str(HOME),
            "ENGAGE_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "engage.settings",
        }
        migrating = (
            os.environ
            | environment
            | {
                "DATABASE_OWNER_URL": roles.with_database(owner, base),
                "ENGAGE_AS_OWNER": "1",
            }
        )
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=CHECKOUT, env=migrating, check=True
        )
        os.environ.update(environment)
        yield environment
    finally:
        if "django.db" in sys.modules:
            sys.modules["django.db"].connections.close_all()
        _sql(owner, f'DROP DATABASE IF EXISTS "{base}"')
        share.leave()


def _sql(url: str, *statements: str) -> None:
    connection = psycopg2.connect(roles.with_database(url, "postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def database_cpu(url: str) -> float:
    """CPU seconds spent so far by the database's processes on this machine: a difference of two readings counts."""
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity")
        pids = [row[0] for row in cursor.fetchall() if row[0]]
    connection.close()
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def main(name: str, run: Callable[[str], list[Figure]]) -> None:
    """Parse the command line, run, print a table, write the JSON. Exit status 1 when a figure is not correct."""
    parser = argparse.ArgumentParser(prog=f"benchmarks/{name}.py")
    parser.add_argument("--size", choices=["tiny", "S", "L"], default="tiny")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    print(f"{name} {options.size} on {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    figures = run(options.size)
    for figure in figures:
        beside = f"  reference {figure.reference:,.1f}" if figure.reference is not None else ""
        ratio = f"  ratio {figure.ratio:.2f}" if figure.ratio is not None else ""
        cpu = f"  cpu {figure.cpu_us:.1f} µs" if figure.cpu_us is not None else ""
        print(f"  {figure.name:<46}{figure.figure:>14,.1f} {figure.unit}{beside}{ratio}{cpu}"
              f"  {'correct' if figure.correct else 'WRONG'}")  # fmt: skip
    if options.json:
        options.json.write_text(
            json.dumps([asdict(figure) for figure in figures], indent=1), encoding="utf-8"
        )
    sys.exit(0 if figures and all(figure.correct for figure in figures) else 1)
