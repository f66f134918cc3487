"""What one start runs on: embedded servers or given ones, and the environment its processes get."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import redis

from engage.local import roles, servers
from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT, Home

SCHEMES = {
    "DATABASE_URL": ("postgresql", "postgres"),
    "DATABASE_OWNER_URL": ("postgresql", "postgres"),
    "REDIS_URL": ("redis", "rediss", "unix"),
}


@dataclass
class Stack:
    home: Home
    share: servers.Share | None  # None when every server was given
    owner_url: str | None  # None where only the runtime role's is known
    runtime_url: str
    redis_url: str

    def environment(self, *, as_owner: bool = False) -> dict[str, str]:
        """For a child process. It knows the owner's URL only when it works as the owner."""
        environment = dict(os.environ)
        environment.pop("DATABASE_OWNER_URL", None)
        environment |= {
            "DATABASE_URL": self.runtime_url,
            "REDIS_URL": self.redis_url,
            "DJANGO_SETTINGS_MODULE": "engage.settings",
            "ENGAGE_HOME": str(self.home.path),
            "PYTHONUNBUFFERED": "1",
        }
        if not environment.get("SECRET_KEY"):
            environment["SECRET_KEY"] = self.home.secret("secret-key")
        if self.share is not None:  # one machine, no certificate
            environment.setdefault("ENGAGE_PLAIN_HTTP", "1")
        if as_owner:
            environment["DATABASE_OWNER_URL"] = self.owner_url or self.runtime_url
            environment["ENGAGE_AS_OWNER"] = "1"
        return environment

    def leave(self) -> None:
        if self.share is not None:
            self.share.leave()


def open_stack(home: Home, *, first: bool) -> Stack:
    """Join or start the servers that the environment does not name.

    `first`: this start may make the runtime role on a given server, and checks that given servers answer.
    """
    given = {name: os.environ[name] for name in SCHEMES if os.environ.get(name)}
    for name, url in given.items():
        _check_scheme(name, url)
    database_given = "DATABASE_URL" in given or "DATABASE_OWNER_URL" in given
    owner_url, runtime_url = _given_database(home, given, first=first) if database_given else (None, None)
    if first and "REDIS_URL" in given:
        _check_redis(given["REDIS_URL"])
    missing = [] if database_given else ["postgres"]
    missing += [] if "REDIS_URL" in given else ["redis"]
    share = servers.join(home, missing) if missing else None
    return Stack(
        home,
        share,
        owner_url or (share.url(roles.OWNER) if share and not database_given else None),
        runtime_url or (share.url(roles.RUNTIME) if share else ""),
        given.get("REDIS_URL") or (share.redis_url if share else ""),
    )


def _given_database(home: Home, given: Mapping[str, str], *, first: bool) -> tuple[str | None, str]:
    """(owner's URL, runtime's URL) of a server that is not ours."""
    owner_url, runtime_url = given.get("DATABASE_OWNER_URL"), given.get("DATABASE_URL")
    for name in ("DATABASE_OWNER_URL", "DATABASE_URL"):
        if first and name in given:
            roles.check_reachable(given[name], name)
    if owner_url and runtime_url:
        return owner_url, runtime_url
    if owner_url is None and runtime_url is not None:
        # A command without the owner's URL works with what it has, unless `engage up` was here before.
        was_here = home.has_secret(roles.PASSWORD) and urlsplit(runtime_url).username != roles.RUNTIME
        if not first and not was_here:
            return None, runtime_url
    owner = owner_url or runtime_url or ""
    return owner, roles.make_runtime(owner, home)


def _check_scheme(name: str, url: str) -> None:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in SCHEMES[name]:
        raise StartRefused(
            f"{name} must begin with {' or '.join(known + '://' for known in SCHEMES[name])}; "
            + (f"it begins with {scheme}://." if separator else "it is not a URL.")
        )


def _check_redis(url: str) -> None:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=10, socket_timeout=10) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise StartRefused(
            f"Cannot use the Redis of REDIS_URL: {error}. Start it, or correct REDIS_URL."
        ) from error


def home_of(option: str | None) -> Home:
    """`--home`, else ENGAGE_HOME, else `var/` in the checkout."""
    return Home.at(option or os.environ.get("ENGAGE_HOME") or CHECKOUT / "var")
