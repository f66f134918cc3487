"""Starts the parts of a stack, shows what they say, starts them again when they end, and stops them all.

One thread and no threads: pipes are read, children looked after and signals obeyed in one loop.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT

GRACE_SECONDS = 40.0  # a worker ends the task it is at
PATIENCE_SECONDS = 4.0  # of a stop, before it says what it waits for
LOOK_SECONDS = 0.05
STEADY_SECONDS = 30.0  # a part that ran this long starts afresh with its delays
TRIES_BEFORE_READY = 3
COLOURS = {"engage": 32, "web": 36, "worker": 33, "scheduler": 35, "carrier": 34, "demo": 95}


def delay_before_restart(failures: int) -> float:
    """Seconds before the next try after so many failures in a row: 0.5, 1, 2 … 30."""
    return min(0.5 * 2.0 ** (failures - 1), 30.0)


class Screen:
    """One line at a time, each beginning with who says it."""

    def __init__(self) -> None:
        self.gone = False  # a closed terminal or pipe
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def say(self, who: str, text: str) -> None:
        tag = f"{who:<9} |"
        if self._coloured:
            tag = f"\033[{COLOURS.get(who, 37)}m{tag}\033[0m"
        try:
            sys.stdout.write(f"{tag} {text}\n")
            sys.stdout.flush()
        except OSError:
            self.gone = True


@dataclass
class Part:
    """One process of the stack."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    once: bool = False  # it ends by itself; otherwise an end is a failure
    stops_last: bool = False  # the others still need it while they end
    process: "subprocess.Popen[bytes] | None" = None
    failures: int = 0
    started_at: float = 0.0
    start_again_at: float | None = None
    unread: bytes = field(default=b"", repr=False)

    @property
    def done(self) -> bool:
        return self.process is None and self.start_again_at is None


class Supervisor:
    """The loop. `wait` runs it until something is true, or until someone asks to stop."""

    def __init__(self, screen: Screen, reaper: Callable[[str], None]) -> None:
        self.screen = screen
        self.parts: list[Part] = []
        self.ready = False
        self.asked_to_stop = 0
        self.failure: str | None = None
        self.deadline = 0.0  # when a stop kills
        self._reaper = reaper
        self._pipes = selectors.DefaultSelector()

    def obey_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, *_: object) -> None:
        self.asked_to_stop += 1

    @property
    def stopping(self) -> bool:
        return bool(self.asked_to_stop) or self.failure is not None or self.screen.gone

    def start(self, part: Part) -> None:
        self.parts.append(part)
        self._launch(part)

    def wait(self, until: Callable[[], bool]) -> bool:
        """True when `until` came true, False when the stack is to stop."""
        while not self.stopping:
            if until():
                return True
            self._turn()
        return False

    def finish(self, *parts: Part) -> bool:
        """Run parts that end by themselves to their end. Raises StartRefused when one fails."""
        for part in parts:
            self.start(part)
        if not self.wait(lambda: all(part.done for part in parts)):
            return False
        for part in parts:
            if part.failures:
                raise StartRefused(f"The step `{part.name}` failed, see its lines above.")
        return True

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL after the time of grace or at the second Ctrl-C."""
        self.deadline = time.monotonic() + GRACE_SECONDS
        self._stop([part for part in self.parts if not part.stops_last])
        self._stop([part for part in self.parts if part.stops_last])

    def _stop(self, parts: Sequence[Part]) -> None:
        running = [(part, part.process) for part in parts if part.process is not None]
        for _, process in running:
            process.terminate()
        say_at = time.monotonic() + PATIENCE_SECONDS
        while waiting := [part.name for part, process in running if process.poll() is None]:
            if time.monotonic() > say_at:
                say_at += GRACE_SECONDS
                self.screen.say("engage", f"waiting for {' and '.join(waiting)} to end")
            if self.asked_to_stop > 1 or time.monotonic() > self.deadline:
                for _, process in running:
                    _kill_group(process)
            self._read()
        for part, process in running:
            self._close(part, process)

    def _turn(self) -> None:
        self._read()
        now = time.monotonic()
        for part in self.parts:
            if part.process is not None and part.process.poll() is not None:
                self._ended(part, part.process, now)
            elif part.start_again_at is not None and now >= part.start_again_at:
                self._launch(part)

    def _launch(self, part: Part) -> None:
        part.start_again_at = None
        part.started_at = time.monotonic()
        # A session of its own: Ctrl-C reaches the supervisor only, which stops the parts in order.
        part.process = subprocess.Popen(
            part.command,
            env=part.environment,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reaper(f"+{part.process.pid}")
        if part.process.stdout is not None:
            os.set_blocking(part.process.stdout.fileno(), False)
            self._pipes.register(part.process.stdout, selectors.EVENT_READ, (part, part.process.stdout))

    def _ended(self, part: Part, process: "subprocess.Popen[bytes]", now: float) -> None:
        self._close(part, process)
        if part.once:
            part.failures = int(process.returncode != 0)
            return
        part.failures = 1 if now - part.started_at > STEADY_SECONDS else part.failures + 1
        how = f"{part.name} ended with {process.returncode}"
        if not self.ready and part.failures >= TRIES_BEFORE_READY:
            self.failure = f"{how} {part.failures} times in a row, see its lines above"
            return
        delay = delay_before_restart(part.failures)
        part.start_again_at = now + delay
        self.screen.say("engage", f"{how}, starting it again in {delay:g} s")

    def _close(self, part: Part, process: "subprocess.Popen[bytes]") -> None:
        """Read the last words, end what the process left in its group, and forget it."""
        _kill_group(process)
        process.wait()
        if process.stdout is not None and not process.stdout.closed:
            self._pump(part, process.stdout.fileno())
            self._pipes.unregister(process.stdout)
            process.stdout.close()
        if part.unread:
            self.screen.say(part.name, part.unread.decode(errors="replace"))
            part.unread = b""
        self._reaper(f"-{process.pid}")
        part.process = None

    def _read(self) -> None:
        for key, _ in self._pipes.select(LOOK_SECONDS):
            part, pipe = key.data
            if not self._pump(part, key.fd):
                self._pipes.unregister(pipe)
                pipe.close()

    def _pump(self, part: Part, descriptor: int) -> bool:
        """Show what is there; False at the end of the pipe."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(descriptor, 65536):
                *lines, part.unread = (part.unread + chunk).split(b"\n")
                for line in lines:
                    self.screen.say(part.name, line.decode(errors="replace").rstrip("\r"))
            return False
        return True


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """The process and what it started: each part leads a group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
