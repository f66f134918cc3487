"""What stops a start is said in one line with what to do."""

import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from engage.local import first_tables, roles
from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT, Home
from tests.local.conftest import Given

Engage = Callable[..., "subprocess.CompletedProcess[str]"]
NOWHERE = {"DATABASE_URL": "postgresql://a:b@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"DATABASE_URL": "mysql://a@b/c"}, r"DATABASE_URL must begin with postgresql:// or postgres://; it begins with mysql://\."),
        ({"DATABASE_URL": "no url"}, r"DATABASE_URL must begin with postgresql:// or postgres://; it is not a URL\."),
        ({"REDIS_URL": "http://x"}, r"REDIS_URL must begin with redis:// or rediss:// or unix://; it begins with http://\."),
        (NOWHERE, r"Cannot open the database of DATABASE_URL: .*refused.*\. Start it, or correct DATABASE_URL\."),
        ({"REDIS_URL": "redis://127.0.0.1:1"}, r"Cannot use the Redis of REDIS_URL: .*refused.*correct REDIS_URL\."),
        ({"ENGAGE_PG_BIN": "/nowhere"}, r"ENGAGE_PG_BIN=/nowhere holds no PostgreSQL 16 or later"),
        ({"ENGAGE_REDIS_BIN": "/nowhere"}, r"ENGAGE_REDIS_BIN=/nowhere is not a program"),
    ],
)  # fmt: skip
def test_a_start_that_cannot_be_is_refused_in_one_line(
    engage: Engage, home: Home, environment: dict[str, str], line: str
) -> None:
    """Issue 2 point 2: an unreachable database, a wrong URL."""
    refused = engage("up", "--home", str(home.path), "--port", "18999", **environment)

    assert refused.returncode == 1
    (said,) = refused.stderr.splitlines()
    assert re.search(line, said)


@pytest.mark.parametrize("port", ["0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(engage: Engage, home: Home, port: str) -> None:
    assert engage("up", "--home", str(home.path), "--port", port).returncode != 0


def test_a_home_that_cannot_be_made_is_refused(engage: Engage, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    refused = engage("up", "--home", str(tmp_path / "file" / "home"))

    assert refused.stderr.splitlines() == [
        f"engage: Cannot use the folder {tmp_path}/file/home: Not a directory. Choose another with --home DIR."
    ]


def test_tables_of_an_earlier_form_of_the_first_migrations_are_refused(home: Home) -> None:
    """House, section 4: until 0.1.0 a home with an older first migration is refused with what to do."""
    kept = home.path / "pg" / "engage-first-tables.json"
    kept.parent.mkdir()
    first_tables.check(home)
    first_tables.remember(home)
    first_tables.check(home)

    kept.write_text(kept.read_text().replace('0001_initial.py": "', '0001_initial.py": "0'))

    with pytest.raises(
        StartRefused, match=r"0001_initial\.py changed\): choose another --home DIR, or remove that folder"
    ):
        first_tables.check(home)


def test_an_old_python_is_refused_by_make(tmp_path: Path) -> None:
    """Issue 2 point 2: wrong Python."""
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\ncase \"$*\" in *version_info*) exit 1;; *) echo 'Python 3.9.2';; esac\n")
    old.chmod(0o755)

    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(CHECKOUT / name, tmp_path)

    refused = subprocess.run(
        ["make", "up", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert refused.returncode != 0
    assert refused.stderr.splitlines()[0] == (
        f"Engage needs Python 3.11 or later; {old} is Python 3.9.2. Name another: make up PYTHON=python3.12"
    )
    assert not (tmp_path / ".venv").exists()


def test_a_role_that_may_not_make_another_gets_the_two_lines_to_run(given: Given, home: Home) -> None:
    """Decisions 29."""
    with pytest.raises(
        StartRefused, match=r"CREATE ROLE runtime .*NOBYPASSRLS.*GRANT CONNECT ON DATABASE engage"
    ):
        roles.make_runtime(given.url("clerk"), home)


def test_given_the_owner_only_the_runtime_role_is_made_once(given: Given, home: Home) -> None:
    """Decisions 29."""
    url = roles.make_runtime(given.url("boss"), home)

    assert roles.make_runtime(given.url("boss"), home) == url
    with (
        closing(psycopg2.connect(given.url("boss"))) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE shared_thing (n int)")
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO shared_thing VALUES (1) RETURNING current_user, n")
        assert cursor.fetchone() == ("runtime", 1)
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


def test_urls_keep_their_place_and_change_their_role() -> None:
    assert (
        roles.with_user("postgresql://boss:s%40@db:5433/engage?sslmode=require", "runtime", "p/w")
        == "postgresql://runtime:p%2Fw@db:5433/engage?sslmode=require"
    )
    assert (
        roles.with_database("postgresql://a@/engage?host=/x", "test_engage")
        == "postgresql://a@/test_engage?host=/x"
    )
