"""A worker that kills itself at a chosen boundary: run as a process, never imported by a test.

It has everything loaded and no connection open. For each line of JSON on its input it forks a child that freezes the run
and works a lane, and dies by SIGKILL just before or after the n-th statement, commit, socket write or read, Redis command,
message taken or answer reported. ENGAGE_CRASH_AT=name:n:before|after says where; without it the child counts its boundaries
and ends by itself. The answer is a line of JSON: how the child ended, and what it counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from asyncio import selector_events
from collections import Counter
from collections.abc import Callable
from typing import Any

import django

django.setup()

import redis  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402
from django.db.backends.utils import CursorWrapper  # noqa: E402

from campaigns import dispatch, freeze  # noqa: E402
from campaigns.dispatch import working  # noqa: E402
from campaigns.dispatch.feed import LaneFeed  # noqa: E402
from campaigns.dispatch.lane import Lane  # noqa: E402


class Boundaries:
    """Counts the points that are passed, and dies at the chosen one."""

    def __init__(self, crash_at: str) -> None:
        name, number, side = (crash_at or "none:0:before").split(":")
        self._at = (name, int(number), side)
        self.counted: Counter[str] = Counter()

    def point(self, name: str, call: Callable[[], Any]) -> Any:
        """One boundary around `call`. The watch looks by time, so its statements are not counted."""
        if threading.current_thread().name.startswith("watch-"):
            return call()
        self.counted[name] += 1
        number = self.counted[name]
        self._die_if((name, number, "before"))
        answer = call()
        self._die_if((name, number, "after"))
        return answer

    def _die_if(self, here: tuple[str, int, str]) -> None:
        if here == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, owner: Any, method: str, name: str) -> None:
        original = getattr(owner, method)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return self.point(name, lambda: original(*args, **kwargs))

        setattr(owner, method, wrapped)


def _install(boundaries: Boundaries) -> None:
    transport = selector_events._SelectorSocketTransport  # noqa: SLF001
    boundaries.wrap(CursorWrapper, "_execute", "execute")
    boundaries.wrap(BaseDatabaseWrapper, "_commit", "commit")
    boundaries.wrap(transport, "write", "write")
    boundaries.wrap(transport, "_read_ready__data_received", "read")
    boundaries.wrap(redis.Redis, "execute_command", "redis")
    boundaries.wrap(LaneFeed, "take", "take")
    boundaries.wrap(Lane, "_report", "report")
    working.new_event_loop = (
        asyncio.SelectorEventLoop
    )  # the fast loop is C all through: nothing to hold on to


def _child(order: dict[str, Any], answer: int) -> None:
    boundaries = Boundaries(os.environ.get("ENGAGE_CRASH_AT", ""))
    _install(boundaries)
    for _ in range(order.get("times", 1)):
        freeze.freeze(order["org"], order["run"])
        dispatch.work_lane(org_id=order["org"], run_id=order["run"])
    os.write(answer, json.dumps(boundaries.counted).encode())
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        os.environ["ENGAGE_CRASH_AT"] = order.get("crash_at", "")
        child = os.fork()
        if not child:
            os.close(reading)
            _child(order, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            counted = pipe.read()
        _, status = os.waitpid(child, 0)
        told = {
            "killed": os.WIFSIGNALED(status),
            "exit": os.WEXITSTATUS(status),
            "counted": json.loads(counted or "{}"),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
