"""Workers that are other processes: told where to die, or left to work until a test kills or stops them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from engage.local.home import CHECKOUT
from tests.local.carriers import Carrier


def environment(base: dict[str, str], carrier: Carrier, **more: str) -> dict[str, str]:
    """Of a worker that sends to this carrier."""
    return {
        **base,
        "ENGAGE_CARRIER_SMTP": f"127.0.0.1:{carrier.smtp_port}",
        "ENGAGE_CARRIER_URL": carrier.url,
        "ENGAGE_LOG_LEVEL": "ERROR",
        **more,
    }


class Workers:
    """The process of `crashing.py`: everything loaded, forks a worker for each order."""

    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.send.crashing"],
            env=env, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.alive: set[int] = set()

    def work(self, org: int, run: int, **order: Any) -> dict[str, Any]:
        """One worker, from its start to its end; with its boundaries counted, and its death where `crash_at` says."""
        return self.wait(self.start(org, run, counted=True, **order))

    def start(self, org: int, run: int, **order: Any) -> int:
        """A worker that lives on its own; its process number. `seconds`: how long it goes on with new lanes."""
        pid: int = self._ask({"org": org, "run": run, **order})["pid"]
        self.alive.add(pid)
        return pid

    def wait(self, pid: int) -> dict[str, Any]:
        told = self._ask({"wait": pid})
        self.alive.discard(pid)
        return told

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.wait(pid)

    def close(self) -> None:
        for pid in list(self.alive):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.wait(pid)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline()
        assert told, f"the workers' process ended with {self.process.wait()}"
        answer: dict[str, Any] = json.loads(told)
        return answer


@contextmanager
def workers(env: dict[str, str]) -> Iterator[Workers]:
    found = Workers(env)
    try:
        yield found
    finally:
        found.close()


def tell(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Show a figure in the test run's own output."""
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")
