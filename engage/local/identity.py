"""Which user a server process runs as. PostgreSQL refuses to run as root.

Root shows itself to the server as a plain user, in a user namespace: nothing changes hands on disk, and a home
below `/root` works. Where namespaces are switched off, the server becomes that user for real and is given its
folders.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engage.local.errors import StartRefused

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PLAIN_USERS = ("postgres", "nobody", "daemon")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Identity:
    """How to start a process as someone: what the child does before it becomes the program."""

    prepare: Callable[[], None]
    uid: int | None = None  # None: on disk, the server is who we are
    gid: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """For `subprocess`. The guardian has one thread, so a function may run between fork and exec."""
        start: dict[str, Any] = {"preexec_fn": self.prepare, "cwd": "/", "stdin": subprocess.DEVNULL}
        if self.uid is not None:
            start |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return start

    @property
    def disk_uid(self) -> int:
        return os.geteuid() if self.uid is None else self.uid

    def give(self, path: Path, *, inside: Path) -> None:
        """Hand over a file or folder, and let its new owner pass through the home above it (never above the home)."""
        if self.uid is None or self.gid is None:
            return
        os.chown(path, self.uid, self.gid)
        for parent in path.parents:
            if parent.is_relative_to(inside) and parent.stat().st_uid != self.uid:
                parent.chmod(parent.stat().st_mode | 0o011)


def ends_with_parent(how: signal.Signals) -> None:
    """On Linux the kernel signals this process when the thread that started it is gone.

    The guardian ignores Ctrl-C, and a program would go on ignoring it until it has set up its own answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, int(how), 0, 0, 0)


def for_database() -> Identity:
    """The identity PostgreSQL starts with here."""

    def plain() -> None:
        ends_with_parent(signal.SIGINT)

    if os.geteuid() != 0:
        return Identity(plain)
    user = _plain_user()

    def namespace() -> None:
        if _libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user.pw_uid} 0 1"),
            ("gid_map", f"{user.pw_gid} 0 1"),
        ):
            Path("/proc/self", name).write_text(text)
        ends_with_parent(signal.SIGINT)

    if sys.platform == "linux" and os.environ.get("ENGAGE_ROOT_BY") != "setuid":
        try:
            shown = subprocess.run(
                ["/usr/bin/id", "-u"], preexec_fn=namespace, capture_output=True, check=False
            )
        except (OSError, subprocess.SubprocessError):
            pass  # namespaces are switched off on this machine: the other way below
        else:
            if shown.stdout.strip() == str(user.pw_uid).encode():
                return Identity(namespace)
    return Identity(plain, user.pw_uid, user.pw_gid)


def _plain_user() -> pwd.struct_passwd:
    known = {user.pw_name: user for user in pwd.getpwall()}
    for name in PLAIN_USERS:
        if name in known:
            return known[name]
    raise StartRefused(
        "PostgreSQL does not run as root, and this system has no other user: start as a normal user."
    )
