"""Fixtures of the one-command start: homes of their own, and a look at the machine's processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from engage.local import roles, servers
from engage.local.home import CHECKOUT, Home

SET_BY_THE_PLUGIN = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "DJANGO_SETTINGS_MODULE",
)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.at(tmp_path_factory.mktemp("h"))


@pytest.fixture(scope="session")
def fresh_environment() -> dict[str, str]:
    """A shell in which nothing of Engage is set."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in SET_BY_THE_PLUGIN and not name.startswith(("ENGAGE_", "PYTEST_"))
    }


@pytest.fixture(scope="session")
def engage(fresh_environment: dict[str, str]) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run the command `engage` to its end."""

    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "engage.local.cli", *arguments],
            env=fresh_environment | environment,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def processes_of(home: Path) -> dict[int, str]:
    """Live processes whose command line or environment names the home: pid → command."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            command = (folder / "cmdline").read_bytes()
            told = command + (folder / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if pid != os.getpid() and str(home).encode() in told:
            found[pid] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def wait_until(true: Callable[[], object], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


@pytest.fixture
def nothing_left(home: Home) -> Iterator[Callable[[], None]]:
    """A check that the home has no process; made once more at the end of the test."""

    def check() -> None:
        wait_until(lambda: not processes_of(home.path))

    yield check
    check()


@dataclass
class Given:
    """Servers that are not those of the home in question. `boss` owns the database and may make roles."""

    share: servers.Share

    def url(self, role: str) -> str:
        return roles.embedded_url(self.share.addresses["postgres"], role)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    given = Given(servers.join(Home.at(tmp_path_factory.mktemp("given")), durable=False))
    with closing(psycopg2.connect(given.url(roles.SUPERUSER))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("DROP OWNED BY runtime; DROP ROLE runtime")
        cursor.execute("CREATE ROLE boss LOGIN CREATEROLE; CREATE ROLE clerk LOGIN")
        cursor.execute("ALTER DATABASE engage OWNER TO boss")
    yield given
    given.share.leave()
