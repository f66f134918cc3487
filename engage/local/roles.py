"""The two database roles: the owner migrates, `runtime` serves. There is no third, and no bypass.

`runtime` owns nothing and bypasses no policy; it reads and writes rows, but cannot truncate.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names a class like a function

from engage.local.errors import StartRefused
from engage.local.home import Home

SUPERUSER = "postgres"  # of the embedded cluster; nothing but this module connects as it
OWNER = "owner"
RUNTIME = "runtime"
DATABASE = "engage"
PASSWORD = "runtime-password"  # noqa: S105  the file in the home

RUNTIME_ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
DEFAULT_PRIVILEGES = """
ALTER DEFAULT PRIVILEGES {of} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {runtime};
ALTER DEFAULT PRIVILEGES {of} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {runtime};
"""


def embedded_url(socket_folder: str, user: str) -> str:
    """Understood alike by libpq and by django-environ."""
    return f"postgresql://{user}@/{DATABASE}?host={socket_folder}"


def prepare_embedded(socket_folder: str) -> None:
    """Make the roles and the database of a new cluster; safe to repeat."""
    with (
        _connect(f"postgresql://{SUPERUSER}@/postgres?host={socket_folder}") as cluster,
        cluster.cursor() as cursor,
    ):
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname IN (%s, %s)", [OWNER, RUNTIME])
        known = {name for (name,) in cursor.fetchall()}
        if OWNER not in known:  # creates databases only for the test runs
            cursor.execute(f"CREATE ROLE {OWNER} LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOBYPASSRLS")
        if RUNTIME not in known:
            cursor.execute(f"CREATE ROLE {RUNTIME} {RUNTIME_ATTRIBUTES}")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not cursor.fetchone():
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
    with _connect(embedded_url(socket_folder, SUPERUSER)) as database, database.cursor() as cursor:
        cursor.execute(
            sql.SQL(DEFAULT_PRIVILEGES).format(
                of=sql.SQL(f"FOR ROLE {OWNER}"), runtime=sql.Identifier(RUNTIME)
            )
        )
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def make_runtime(owner_url: str, home: Home) -> str:
    """The runtime role's URL on a server that is not ours, where only the owner's was given (decisions 29).

    The role's password is made once and kept in the home.
    """
    database = unquote(urlsplit(owner_url).path.removeprefix("/"))
    with _connect(owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        (may_create,) = cursor.fetchone() or (False,)
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [RUNTIME])
        exists = cursor.fetchone() is not None
        if exists and home.has_secret(PASSWORD):
            runtime_url = with_user(owner_url, RUNTIME, home.secret(PASSWORD))
            if _opens(runtime_url):
                return runtime_url
        if exists or not may_create:
            why = "it exists with another password" if exists else "this role may not create roles"
            raise StartRefused(
                f"Engage serves as a second role, {RUNTIME}, and could not make it: {why}. As a superuser run "
                f"{'ALTER' if exists else 'CREATE'} ROLE {RUNTIME} {RUNTIME_ATTRIBUTES} PASSWORD '...'; "
                f"GRANT CONNECT ON DATABASE {database} TO {RUNTIME}; "
                f"then set DATABASE_OWNER_URL to the URL given now and DATABASE_URL to that of {RUNTIME}."
            )
        password = home.secret(PASSWORD)
        cursor.execute(f"CREATE ROLE {RUNTIME} {RUNTIME_ATTRIBUTES} PASSWORD %s", [password])
        cursor.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                sql.Identifier(database), sql.Identifier(RUNTIME)
            )
        )
        cursor.execute(sql.SQL(DEFAULT_PRIVILEGES).format(of=sql.SQL(""), runtime=sql.Identifier(RUNTIME)))
    return with_user(owner_url, RUNTIME, password)


def check_reachable(url: str, name: str) -> None:
    """Raise with one line when the database of the variable `name` cannot be used."""
    with _connect(url, name) as connection:
        if connection.server_version < 160_000:
            raise StartRefused(
                f"{name} names a PostgreSQL {connection.server_version // 10_000}; Engage needs 16 or later."
            )


def with_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"))


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(name, safe="")))


def _opens(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=10).close()
    except psycopg2.OperationalError:
        return False
    return True


@contextmanager
def _connect(url: str, name: str = "DATABASE_URL") -> Iterator[Connection]:
    """In autocommit: making a database refuses a transaction."""
    try:
        connection = psycopg2.connect(url, connect_timeout=10)
    except psycopg2.Error as error:
        reason = (str(error).strip().splitlines() or ["no answer"])[0]
        raise StartRefused(
            f"Cannot open the database of {name}: {reason}. Start it, or correct {name}."
        ) from error
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()
