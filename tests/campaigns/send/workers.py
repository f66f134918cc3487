"""Workers that are other processes: one that dies where it is told to, and plain ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engage.local.home import CHECKOUT
from tests.local.carriers import Carrier


def environment(base: dict[str, str], carrier: Carrier, **more: str) -> dict[str, str]:
    """Of a worker that sends to this carrier, with short times."""
    return {
        **base,
        "ENGAGE_CARRIER_SMTP": f"127.0.0.1:{carrier.smtp_port}",
        "ENGAGE_CARRIER_URL": carrier.url,
        "ENGAGE_LOG_LEVEL": "ERROR",
        **more,
    }


class Crashing:
    """The process of `crashing.py`: everything loaded, forks a worker for each order."""

    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.send.crashing"],
            env=env, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def work(self, org: int, run: int, *, crash_at: str = "", times: int = 1) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"org": org, "run": run, "crash_at": crash_at, "times": times}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline()
        assert told, f"the worker's process ended with {self.process.wait()}"
        answer: dict[str, Any] = json.loads(told)
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)


@contextmanager
def crashing(env: dict[str, str]) -> Iterator[Crashing]:
    worker = Crashing(env)
    try:
        yield worker
    finally:
        worker.close()
