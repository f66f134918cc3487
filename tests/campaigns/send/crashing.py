"""A worker that kills or suspends itself at a chosen boundary: run as a process, never imported by a test.

It has everything loaded and no connection open. For each line of JSON on its input it forks a child that freezes a run
and works its lanes, and dies by SIGKILL just before or after the n-th statement, commit, window, socket write or read,
Redis command, message taken or answer reported. `crash_at`, name:n:before|after, says where; without it the child ends
by itself. With `suspend` it falls asleep there by SIGSTOP instead. What is told about a child is a line of JSON: its
number when it starts, how it ended and what it counted when somebody waits for it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from asyncio import selector_events
from collections import Counter
from collections.abc import Callable
from typing import Any

import django

django.setup()

import redis  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402
from django.db.backends.utils import CursorWrapper  # noqa: E402

from campaigns import dispatch, freeze, run_lock  # noqa: E402
from campaigns.dispatch import working  # noqa: E402
from campaigns.dispatch.feed import LaneFeed  # noqa: E402
from campaigns.dispatch.lane import Lane  # noqa: E402


class Boundaries:
    """Counts the points that are passed, and ends or sleeps at the chosen one."""

    def __init__(self, crash_at: str, *, suspend: bool) -> None:
        name, number, side = (crash_at or "none:0:before").split(":")
        self._at = (name, int(number), side)
        self._signal = signal.SIGSTOP if suspend else signal.SIGKILL
        self.counted: Counter[str] = Counter()

    def point(self, name: str, call: Callable[[], Any]) -> Any:
        """One boundary around `call`. The watch looks by time, so its statements are not counted."""
        if threading.current_thread().name.startswith("watch-"):
            return call()
        self.counted[name] += 1
        number = self.counted[name]
        self._fall_if((name, number, "before"))
        answer = call()
        self._fall_if((name, number, "after"))
        return answer

    def _fall_if(self, here: tuple[str, int, str]) -> None:
        if here == self._at:
            os.kill(os.getpid(), self._signal)

    def wrap(self, owner: Any, method: str, name: str) -> None:
        original = getattr(owner, method)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return self.point(name, lambda: original(*args, **kwargs))

        setattr(owner, method, wrapped)

    def install(self) -> None:
        transport = getattr(selector_events, "_SelectorSocketTransport")  # noqa: B009  it has no public name
        self.wrap(CursorWrapper, "_execute", "execute")
        self.wrap(BaseDatabaseWrapper, "_commit", "commit")
        self.wrap(transport, "write", "write")
        self.wrap(transport, "_read_ready__data_received", "read")
        self.wrap(redis.Redis, "execute_command", "redis")
        self.wrap(run_lock, "shared", "window")
        self.wrap(LaneFeed, "take", "take")
        self.wrap(Lane, "_report", "report")
        # The fast loop is C all through: nothing to hold on to.
        setattr(working, "new_event_loop", asyncio.SelectorEventLoop)  # noqa: B010


def _child(order: dict[str, Any], answer: int) -> None:
    boundaries = Boundaries(order.get("crash_at", ""), suspend=order.get("suspend", False))
    if order.get("counted"):
        boundaries.install()
    ends_at = time.monotonic() + order.get("seconds", 0)
    lanes = 0
    while lanes < order.get("times", 1) or time.monotonic() < ends_at:
        lanes += 1
        freeze.freeze(order["org"], order["run"])
        dispatch.work_lane(org_id=order["org"], run_id=order["run"])
    os.write(answer, json.dumps(boundaries.counted).encode())
    os._exit(0)


def _start(order: dict[str, Any]) -> tuple[int, int]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _child(order, writing)
    os.close(writing)
    return child, reading


def _wait(child: int, reading: int) -> dict[str, Any]:
    with os.fdopen(reading, "rb") as pipe:
        counted = json.loads(pipe.read() or "{}")
    _, status = os.waitpid(child, 0)
    return {"killed": os.WIFSIGNALED(status), "exit": os.waitstatus_to_exitcode(status), "counted": counted}


def main() -> None:
    children: dict[int, int] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            told = _wait(order["wait"], children.pop(order["wait"]))
        else:
            child, reading = _start(order)
            children[child] = reading
            told = {"pid": child}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
