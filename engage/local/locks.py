"""flock(2): the kernel drops a lock when its holder is gone, also after kill -9, so no pid is ever trusted.

A lock belongs to an open file, which child processes may share: it is given up by closing the descriptor, never
by unlocking, so that it holds until the last process that inherited it has ended.
"""

import fcntl
import os
from pathlib import Path


def acquire(path: Path, *, shared: bool = False) -> int:
    """Wait for the lock and return its descriptor; `os.close` gives it up."""
    descriptor = _open(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    return descriptor


def try_acquire(path: Path, *, shared: bool = False) -> int | None:
    """The lock's descriptor, or None when someone else holds it."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_held(path: Path) -> bool:
    """Whether someone holds the lock exclusively."""
    descriptor = try_acquire(path, shared=True)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
