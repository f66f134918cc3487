"""Joining the embedded servers of a home: they run as long as someone holds a share."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engage.local import locks, roles
from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT, Home

GUARDIAN_SECONDS = 150
LEAVE_SECONDS = 40


@dataclass
class Share:
    """A share in the servers of a home, given up by `leave` or by the end of the process.

    `descriptor` may be passed to another process, which then holds the share as well.
    """

    home: Home
    descriptor: int
    addresses: dict[str, str]
    guardian: subprocess.Popen[bytes] | None  # where this process started it
    durable: bool

    def url(self, user: str) -> str:
        return roles.embedded_url(self.addresses["postgres"], user)

    @property
    def redis_url(self) -> str:
        return f"unix://{self.addresses['redis']}?db=0"

    def is_served(self) -> bool:
        return locks.is_held(self.home.run / "guardian.lock")

    def renew(self) -> None:
        """Start the servers again after one of them ended by itself; the addresses stay."""
        self._end_of_guardian()
        self.addresses, self.guardian = _served(self.home, sorted(self.addresses), durable=self.durable)

    def leave(self) -> None:
        """Give up the share and wait until the servers have stopped, unless someone else holds one."""
        os.close(self.descriptor)
        deadline = time.monotonic() + LEAVE_SECONDS
        users, guardian = self.home.run / "users.lock", self.home.run / "guardian.lock"
        while locks.is_held(guardian) and time.monotonic() < deadline:
            if (whole := locks.try_acquire(users)) is not None:
                os.close(whole)  # nobody else; the guardian is about to see it
            elif not locks.is_held(users):
                break  # shared: someone else goes on
            time.sleep(0.05)
        self._end_of_guardian()

    def _end_of_guardian(self) -> None:
        """It outlives us when someone else holds a share; else it is waited for, as every child must be."""
        if self.guardian is None:
            return
        if self.is_served():
            self.guardian.returncode = 0
        else:
            self.guardian.wait()


def join(home: Home, names: Sequence[str] = ("postgres", "redis"), *, durable: bool = True) -> Share:
    """A share in the running servers, which are started if need be.

    Raises StartRefused when the home already serves another choice of servers: two stacks that shared one of
    them would take each other's work.
    """
    # Waits out a guardian that is stopping: it holds the whole lock until it has ended.
    descriptor = locks.acquire(home.run / "users.lock", shared=True)
    try:
        addresses, guardian = _served(home, sorted(names), durable=durable)
    except BaseException:
        os.close(descriptor)
        raise
    return Share(home, descriptor, addresses, guardian, durable)


def _served(
    home: Home, names: list[str], *, durable: bool
) -> tuple[dict[str, str], subprocess.Popen[bytes] | None]:
    guardian = None
    start = locks.acquire(home.run / "start.lock")
    try:
        addresses = _running(home)
        if addresses is None:
            addresses, guardian = _start_guardian(home, names, durable=durable)
    finally:
        os.close(start)
    if sorted(addresses) != names:
        raise StartRefused(
            f"The folder {home.path} is in use with its own {' and '.join(sorted(addresses))}: stop that first, "
            "set both DATABASE_URL and REDIS_URL or neither, or choose another --home DIR."
        )
    return addresses, guardian


def _running(home: Home) -> dict[str, str] | None:
    """What the guardian says, if one lives: the lock tells, not the file."""
    if not locks.is_held(home.run / "guardian.lock"):
        return None
    deadline = time.monotonic() + GUARDIAN_SECONDS
    while locks.is_held(home.run / "guardian.lock") and time.monotonic() < deadline:
        try:
            addresses: dict[str, str] = json.loads((home.run / "guardian.json").read_text())
        except FileNotFoundError:
            time.sleep(0.05)  # starting for a launcher that was killed meanwhile, or stopping
        else:
            return addresses
    return None


def _start_guardian(
    home: Home, names: list[str], *, durable: bool
) -> tuple[dict[str, str], subprocess.Popen[bytes]]:
    (home.run / "guardian.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "engage.local.guardian", str(home.path)]
    command += [f"--server={name}" for name in names]
    command += [] if durable else ["--without-power-loss"]
    with os.fdopen(home.open_log("guardian"), "ab") as log:
        guardian = subprocess.Popen(
            command, cwd=CHECKOUT, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
    assert guardian.stdout is not None
    with guardian.stdout as said:
        answered, _, _ = select.select([said], [], [], GUARDIAN_SECONDS)
        line = said.readline() if answered else b""
    answer = json.loads(line) if line else {"refused": f"The local servers did not start, see {home.logs}."}
    if "refused" in answer:
        guardian.wait()
        raise StartRefused(answer["refused"])
    return answer["addresses"], guardian
