"""Ends a stack's processes when its launcher was killed: `python -m engage.local.reaper SECONDS`.

The launcher tells the process groups on our standard input (`+123` began, `-123` ended). The end of that pipe
means that the launcher is gone, however it went. We hold its share in the servers until we are done.
"""

import contextlib
import os
import signal
import sys
import time


def lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group that is only zombies
        return False
    return True


def end(groups: set[int], *, grace: float) -> None:
    """SIGTERM to each group's leader, and SIGKILL to what is left of a group after so many seconds."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(lives(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.1)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # our end is the launcher's
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    end(groups, grace=float(sys.argv[1]))


if __name__ == "__main__":
    main()
