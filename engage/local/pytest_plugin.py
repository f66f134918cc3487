"""Tests run on real servers: loaded by `-p` before Django's settings, so that they find their environment.

The servers are those of the home `var/test`, shared by every test run on the machine, unless DATABASE_OWNER_URL
and REDIS_URL name others. Each run, and each worker of pytest-xdist, has a database of its own
(`ENGAGE_TEST_DATABASE`) and a Redis database of its own.
"""

import os
import zlib

import pytest
import redis

from engage.local import pytest_roles, roles, servers
from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT, Home

HOME = CHECKOUT / "var" / "test"
SMALLEST_REDIS = 16  # databases, where the server does not tell
# What a shell or a running stack may have set, and a test must not meet.
FORGOTTEN = (
    "ENGAGE_AS_OWNER", "ENGAGE_BEHIND_PROXY", "ENGAGE_CARRIER_SMTP", "ENGAGE_CARRIER_URL",
    "ENGAGE_CONSOLE_URL", "ENGAGE_DEBUG", "ENGAGE_EMAIL_URL", "ENGAGE_FROM_EMAIL", "ENGAGE_HOSTS",
    "ENGAGE_ORIGINS", "ENGAGE_TRACKING_URL",
)  # fmt: skip


def _join() -> servers.Share | None:
    """A share in the test servers for as long as this process lives, and the environment of the settings.

    Done at import: any hook of ours runs after pytest-django has loaded the settings.
    """
    share = None
    home = Home.at(HOME)
    given = [name for name in ("DATABASE_OWNER_URL", "REDIS_URL") if os.environ.get(name)]
    try:
        if not given:
            share = servers.join(home, durable=False)
            os.environ["DATABASE_OWNER_URL"] = share.url(roles.OWNER)
            os.environ["DATABASE_URL"] = share.url(roles.RUNTIME)
            os.environ["REDIS_URL"] = share.redis_url
        elif len(given) == 1:
            raise StartRefused(
                f"Tests need both DATABASE_OWNER_URL and REDIS_URL, or neither; only {given[0]} is set."
            )
        elif "DATABASE_URL" not in os.environ:
            os.environ["DATABASE_URL"] = roles.make_runtime(os.environ["DATABASE_OWNER_URL"], home)
    except StartRefused as refusal:
        raise pytest.UsageError(str(refusal)) from refusal
    os.environ["REDIS_URL"] = _own_redis_database(os.environ["REDIS_URL"])
    for name in FORGOTTEN:
        os.environ.pop(name, None)
    os.environ["ENGAGE_HOME"] = str(HOME)
    os.environ["ENGAGE_PLAIN_HTTP"] = "1"
    os.environ["ENGAGE_STATIC_STORAGE"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    os.environ["SECRET_KEY"] = "for tests only: everyone who reads the source knows this key"  # noqa: S105
    for folder in ("static", "media"):
        (HOME / folder).mkdir(exist_ok=True)
    return share


def _own_redis_database(url: str) -> str:
    """Runs beside each other must not flush each other's broker; 0 is left to `engage up`."""
    with redis.Redis.from_url(url) as client:
        try:
            count = int(client.config_get("databases")["databases"])
        except redis.ResponseError:
            count = SMALLEST_REDIS
    run = f"{os.environ.get('ENGAGE_TEST_DATABASE', '')}/{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    number = 1 + zlib.crc32(run.encode()) % (count - 1)
    if url.startswith("unix://"):
        return f"{url.partition('?')[0]}?db={number}"
    return roles.with_database(url, str(number))


_share = _join()


def pytest_configure(config: pytest.Config) -> None:
    """Fixtures of a plugin registered after pytest-django override its own."""
    config.pluginmanager.register(pytest_roles, "engage-roles")


def pytest_unconfigure() -> None:
    if _share is not None:
        _share.leave()
