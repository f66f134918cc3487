"""The embedded servers of a home, and the guardian that owns them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import psycopg2
import pytest
import redis

from engage.local import roles, servers
from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT, Home
from tests.local.conftest import processes_of, wait_until

HOLDER = """
import sys
from engage.local import servers
from engage.local.home import Home
share = servers.join(Home.at(sys.argv[1]), durable=False)
print(share.url("owner"), flush=True)
sys.stdin.read()
"""


class Holder(NamedTuple):
    """A process that holds a share in the servers of a home."""

    process: "subprocess.Popen[str]"

    @classmethod
    def of(cls, home: Home) -> "Holder":
        command = [sys.executable, "-c", HOLDER, str(home.path)]
        return cls(
            subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        with self.process as process:
            process.kill()

    def leave(self) -> None:
        with self.process:
            pass


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []


def of_kind(home: Home, word: str) -> list[int]:
    return [pid for pid, command in processes_of(home.path).items() if word in command]


def test_many_first_starts_at_once_give_one_guardian(home: Home, nothing_left: Callable[[], None]) -> None:
    """Issue 2 point 2: a second start beside a running one shares its servers."""
    holders = [Holder.of(home) for _ in range(5)]
    urls = {holder.url() for holder in holders}

    assert len(urls) == 1
    assert ask(urls.pop(), "SELECT current_user") == [("owner",)]
    assert len(of_kind(home, "engage.local.guardian")) == 1
    for holder in holders:
        holder.leave()


def test_a_killed_user_leaves_no_server_behind(home: Home, nothing_left: Callable[[], None]) -> None:
    holder = Holder.of(home)
    holder.url()
    assert of_kind(home, "postgres")

    holder.kill()

    nothing_left()


def test_the_servers_stay_while_anyone_uses_them(home: Home) -> None:
    mine = servers.join(home, durable=False)
    holder = Holder.of(home)
    url = holder.url()

    mine.leave()

    assert ask(url, "SELECT 1") == [(1,)]
    holder.leave()


def test_data_outlive_every_stop_and_a_killed_guardian(home: Home, nothing_left: Callable[[], None]) -> None:
    share = servers.join(home)
    ask(share.url(roles.OWNER), "CREATE TABLE kept AS SELECT 7 AS n")
    with redis.Redis.from_url(share.redis_url) as client:
        client.set("kept", "seven")
    share.leave()
    share = servers.join(home)
    (guardian,) = of_kind(home, "engage.local.guardian")
    os.kill(guardian, signal.SIGKILL)
    wait_until(lambda: not share.is_served())

    share.renew()

    assert ask(share.url(roles.OWNER), "SELECT n FROM kept") == [(7,)]
    with redis.Redis.from_url(share.redis_url) as client:
        assert client.get("kept") == b"seven"
    share.leave()


def test_a_server_that_died_is_started_again_where_it_was(
    home: Home, nothing_left: Callable[[], None]
) -> None:
    share = servers.join(home, durable=False)
    before = share.addresses
    os.kill(int((home.path / "pg" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    wait_until(lambda: not share.is_served())

    share.renew()

    assert share.addresses == before
    assert ask(share.url(roles.RUNTIME), "SELECT current_user") == [("runtime",)]
    share.leave()


def test_a_start_killed_half_way_is_begun_again(home: Home, nothing_left: Callable[[], None]) -> None:
    holder = Holder.of(home)
    wait_until(lambda: (home.path / "pg.new").exists() or (home.path / "pg").exists())
    for pid in processes_of(home.path):
        # Some of what a start runs ends by itself, between the look and the blow.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    holder.kill()

    share = servers.join(home, durable=False)

    assert ask(share.url(roles.OWNER), "SELECT 1") == [(1,)]
    share.leave()


def test_a_pid_that_belongs_to_someone_else_by_now_is_not_trusted(home: Home) -> None:
    servers.join(home, durable=False).leave()
    (home.path / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{home.path / 'pg'}\n")

    share = servers.join(home, durable=False)

    assert ask(share.url(roles.OWNER), "SELECT 1") == [(1,)]
    share.leave()


def test_data_of_another_major_version_are_refused(home: Home) -> None:
    servers.join(home, durable=False).leave()
    (home.path / "pg" / "PG_VERSION").write_text("15\n")

    with pytest.raises(StartRefused, match=r"made by PostgreSQL 15, but \d+ is installed: set ENGAGE_PG_BIN"):
        servers.join(home, durable=False)


def test_a_home_in_use_is_not_shared_by_a_start_with_one_url(home: Home) -> None:
    """Two stacks on one broker would take each other's work."""
    share = servers.join(home, durable=False)

    with pytest.raises(StartRefused, match="in use with its own postgres and redis"):
        servers.join(home, ("redis",), durable=False)

    share.leave()


def test_too_little_disk_is_said_before_anything_is_made(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(home.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=50 * 2**20))

    with pytest.raises(StartRefused, match=r"Not enough disk space in .*: 50 MB free, 600 MB needed"):
        home.check_space(600 * 2**20)


def test_a_home_too_deep_for_a_socket_gets_a_short_private_folder(tmp_path: Path) -> None:
    home = Home.at(tmp_path / ("deep" * 20))
    share = servers.join(home, durable=False)
    folder = Path(share.addresses["postgres"])

    assert not folder.is_relative_to(home.path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert ask(share.url(roles.OWNER), "SELECT 1") == [(1,)]
    share.leave()
    assert not folder.exists()


def test_a_socket_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    home = Home.at(tmp_path / ("deep" * 20))
    folder = home.socket_folder("pg", longest=".s.PGSQL.5432.lock", server_uid=os.geteuid())
    folder.chmod(0o755)

    with pytest.raises(StartRefused, match="belongs to someone else"):
        home.socket_folder("pg", longest=".s.PGSQL.5432.lock", server_uid=os.geteuid())

    folder.rmdir()


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Share]:
    share = servers.join(Home.at(tmp_path_factory.mktemp("m")), durable=False)
    yield share
    share.leave()


def test_runtime_bypasses_nothing_owns_nothing_and_cannot_truncate(share: servers.Share) -> None:
    """T-12, decisions 13 and 29."""
    attributes = "rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
    ask(share.url(roles.OWNER), "CREATE TABLE thing (n int)")

    assert ask(share.url(roles.RUNTIME), f"SELECT {attributes} FROM pg_roles WHERE rolname = 'runtime'") == [
        (False, False, False, False, False)
    ]
    assert ask(
        share.url(roles.RUNTIME), "SELECT count(*) FROM pg_class WHERE relowner = 'runtime'::regrole"
    ) == [(0,)]
    assert ask(share.url(roles.RUNTIME), "INSERT INTO thing VALUES (1) RETURNING n") == [(1,)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(share.url(roles.RUNTIME), "TRUNCATE thing")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(share.url(roles.RUNTIME), "CREATE TABLE own (n int)")


def test_the_servers_open_no_port_and_their_folders_are_private(share: servers.Share) -> None:
    assert ask(share.url(roles.OWNER), "SHOW listen_addresses") == [("",)]
    for folder in (Path(share.addresses["postgres"]), Path(share.addresses["redis"]).parent, share.home.path):
        assert folder.stat().st_mode & 0o077 == 0


def test_case_is_folded_beyond_ascii(share: servers.Share) -> None:
    """`iexact` on names works without ICU."""
    assert ask(share.url(roles.OWNER), "SELECT upper('żółć') = upper('ŻÓŁĆ'), 'É' ILIKE 'é'") == [
        (True, True)
    ]


def test_root_becomes_a_plain_user_where_namespaces_are_off(
    fresh_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = Path(tmp_path_factory.getbasetemp())
    home = Home.at(Path("/tmp") / f"engage-test-{os.getpid()}-{base.name}")  # noqa: S108  pytest's own is closed
    environment = fresh_environment | {"ENGAGE_ROOT_BY": "setuid"}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.path)], cwd=CHECKOUT, env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        url = Holder(process).url()
        assert ask(url, "SELECT current_user") == [("owner",)]
    wait_until(lambda: not processes_of(home.path))
    shutil.rmtree(home.path)
