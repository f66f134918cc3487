"""Redis, at once or not at all: what is kept there is a convenience, so nobody waits for it.

When it does not answer, nobody here asks again for some seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

T = TypeVar("T")
logger = logging.getLogger(__name__)

PATIENCE = 0.5
ASK_AGAIN_AFTER = 5.0
_away_until = 0.0


class Away(Exception):
    """Redis does not answer, or did not a moment ago."""


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )


def ask(call: Callable[[redis.Redis], T]) -> T:
    """What `call` gets from Redis. Raises `Away`."""
    global _away_until  # noqa: PLW0603  one process, one opinion of whether Redis is there
    if time.monotonic() < _away_until:
        raise Away
    try:
        return call(_client())
    except redis.RedisError as error:
        _away_until = time.monotonic() + ASK_AGAIN_AFTER
        logger.warning("Redis is away: %s", error)
        raise Away from error
