"""The embedded Redis-protocol server (Valkey) of one home, started by its guardian."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from engage.local import locks
from engage.local.binaries import find_redis
from engage.local.errors import StartRefused
from engage.local.home import Home
from engage.local.identity import ends_with_parent

START_SECONDS = 60
STOP_SECONDS = 30
DATABASES = 10_000  # parallel test runs take one each; an unused one costs nothing


def _prepare() -> None:
    ends_with_parent(signal.SIGTERM)


class Broker:
    """One server in `redis/`. Two on one append-only file corrupt it, so the server itself holds a lock."""

    name = "redis"
    stop_signal = signal.SIGTERM

    def __init__(self, home: Home, *, durable: bool) -> None:
        self.home = home
        self.durable = durable
        self.data = home.path / "redis"
        self.program = find_redis()
        folder = home.socket_folder("redis", longest="redis.sock", server_uid=os.geteuid())
        self.address = str(folder / "redis.sock")

    def start(self) -> subprocess.Popen[bytes]:
        self.data.mkdir(mode=0o700, exist_ok=True)
        lock = self._take_over()
        try:
            with os.fdopen(self.home.open_log(self.name), "ab") as output:
                return subprocess.Popen(
                    [
                        self.program, "--port", "0", "--unixsocket", self.address, "--unixsocketperm", "700",
                        "--dir", str(self.data), "--appendonly", "yes" if self.durable else "no",
                        "--save", "", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction",
                        "--databases", str(DATABASES), "--daemonize", "no",
                    ],
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
                    pass_fds=(lock,), preexec_fn=_prepare,  # noqa: PLW1509  one thread
                )  # fmt: skip
        finally:
            os.close(lock)

    def wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartRefused(f"Redis did not start, see {self.home.logs / 'redis.log'}.")
            time.sleep(0.01)

    def _answers(self) -> bool:
        return self._ask(b"PING\r\n").startswith(b"+PONG")

    def _ask(self, command: bytes) -> bytes:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(self.address)
            connection.sendall(command)
            return connection.recv(64)
        return b""

    def _take_over(self) -> int:
        """The lock on the data. A server that outlived its guardian is asked to stop, and waited for."""
        path = Path(f"{self.data}.lock")
        lock = locks.try_acquire(path)
        if lock is None:
            self._ask(b"SHUTDOWN\r\n")
        deadline = time.monotonic() + STOP_SECONDS
        while lock is None and (lock := locks.try_acquire(path)) is None:
            if time.monotonic() > deadline:
                raise StartRefused(
                    f"A Redis of an earlier start still runs on {self.data} and does not stop: end it."
                )
            time.sleep(0.05)
        return lock
