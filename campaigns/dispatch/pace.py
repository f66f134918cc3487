"""The pace per second of a sender: a token bucket in Redis, asked before the transaction, never inside it.

Only a courtesy to providers: without Redis each lane keeps the pace by itself, and nothing about who gets what depends
on it. Redis also holds how many messages a run began of late, for the pages.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from campaigns import shared_memory
from campaigns.dispatch.ledger import RunKey
from campaigns.dispatch.work import Work

# Tokens since the last look, at most one second's worth; by the clock of Redis. Returns what was taken.
_TAKE: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(bucket[1]) or rate
tokens = math.min(rate, tokens + math.max(0, now - (tonumber(bucket[2]) or now)) * rate)
local taken = math.max(0, math.min(want, math.floor(tokens)))
if want < 0 then taken = want end
redis.call('HSET', KEYS[1], 'tokens', math.min(rate, tokens - taken), 'at', now)
redis.call('EXPIRE', KEYS[1], 60)
return taken
"""
_NOTE: Final = "redis.call('INCRBY', KEYS[1], ARGV[1]); redis.call('EXPIRE', KEYS[1], ARGV[2])"
_SPAN = 10  # seconds of one count of begun messages
_fallback: dict[str, tuple[float, float]] = {}


def take(work: Work, want: int) -> int:
    """Take up to `want` tokens of the sender's bucket; 0 when it is empty. A sender without a limit has no bucket."""
    return want if work.per_second is None else _ask(_key(work), work.per_second, want)


def put_back(work: Work, unused: int) -> None:
    """Return tokens of rows that did not go out after all."""
    if unused > 0 and work.per_second is not None:
        _ask(_key(work), work.per_second, -unused)


def wait_for_one(work: Work) -> float:
    """Seconds until an empty bucket holds something worth coming back for."""
    return max(0.05, min(1.0, 1 / (work.per_second or 20)))


def note(key: RunKey, answered: int) -> None:
    """Count messages that were answered just now."""
    if not answered:
        return
    name = f"{key.org}:begun:{key.run}:{int(time.time()) // _SPAN}"
    with suppress(shared_memory.Away):
        shared_memory.ask(lambda client: client.eval(_NOTE, 1, name, answered, _SPAN * 12))


def per_second(org_id: int, run_id: int) -> float | None:
    """The run's pace over the last half minute. None: Redis is away."""
    span = int(time.time()) // _SPAN
    names = [f"{org_id}:begun:{run_id}:{span - back}" for back in (1, 2, 3)]
    try:
        counts = shared_memory.ask(lambda client: client.mget(names))
    except shared_memory.Away:
        return None
    return sum(int(count or 0) for count in counts) / (3 * _SPAN)


def _key(work: Work) -> str:
    return f"{work.key.org}:pace:{work.channel_name}:{work.key.sender}"


def _ask(key: str, rate: int, want: int) -> int:
    try:
        return int(shared_memory.ask(lambda client: client.eval(_TAKE, 1, key, rate, want)))
    except shared_memory.Away:
        return _keep_alone(key, rate, want)


def _keep_alone(key: str, rate: int, want: int) -> int:
    now = time.monotonic()
    tokens, at = _fallback.get(key, (float(rate), now))
    tokens = min(float(rate), tokens + (now - at) * rate)
    taken = want if want < 0 else max(0, min(want, int(tokens)))
    _fallback[key] = (min(float(rate), tokens - taken), now)
    return taken
