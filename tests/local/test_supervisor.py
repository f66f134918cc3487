"""The supervisor: order, restarts, one line each, and an end that leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT, Home
from engage.local.supervisor import Part, Screen, Supervisor, delay_before_restart
from tests.local.conftest import processes_of, wait_until

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("here", flush=True)
time.sleep(99)
"""
ENDS_ONCE = """
import sys, time
with open(sys.argv[1], "a+") as log:
    log.write("x")
    log.seek(0)
    starts = len(log.read())
time.sleep(99 if starts == 2 else 0)
"""
SLOW_SPEAKER = """
import sys, time
sys.stdout.write("half")
sys.stdout.flush()
time.sleep(0.2)
print(" and half")
print("zażółć", end="")
"""
PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
LAUNCHER = """
import sys
from engage.local.home import Home
from engage.local.stack import Stack
from engage.local.supervisor import Part, Screen, Supervisor
from engage.local.up import reaper
with reaper(Stack(Home.at(sys.argv[1]), None, None, "", ""), grace=1) as tell:
    supervisor = Supervisor(Screen(), tell)
    supervisor.start(Part("worker", [sys.executable, "-c", *sys.argv[2:], sys.argv[1]], {}))
    supervisor.wait(lambda: False)
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


class Ear(Screen):
    """A screen that is read by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str]] = []

    def say(self, who: str, text: str) -> None:
        self.heard.append((who, text))


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def supervisor(ear: Ear) -> Supervisor:
    return Supervisor(ear, lambda _: None)


def test_delays_double_up_to_half_a_minute() -> None:
    assert [delay_before_restart(failures) for failures in (1, 2, 3, 4, 7, 50)] == [0.5, 1, 2, 4, 30, 30]


def test_a_part_that_ended_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    """Issue 2 point 2."""
    log = tmp_path / "starts"
    supervisor.ready = True
    supervisor.start(Part("web", python(ENDS_ONCE, str(log)), os.environ))

    assert supervisor.wait(lambda: log.exists() and log.read_text() == "xx")

    supervisor.stop()
    assert supervisor.failure is None


def test_a_start_that_cannot_succeed_gives_up(supervisor: Supervisor, ear: Ear) -> None:
    supervisor.start(Part("web", python("import sys; sys.exit('no such module')"), os.environ))

    assert not supervisor.wait(lambda: False)

    assert supervisor.failure == "web ended with 1 3 times in a row, see its lines above"
    assert ("web", "no such module") in ear.heard


def test_a_failing_step_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(StartRefused, match="step `migrate` failed"):
        supervisor.finish(Part("migrate", python("raise SystemExit(3)"), os.environ, once=True))


def test_lines_are_shown_whole_and_with_their_speaker(
    capfd: pytest.CaptureFixture[str],
) -> None:
    supervisor = Supervisor(Screen(), lambda _: None)

    supervisor.finish(Part("demo", python(SLOW_SPEAKER), os.environ, once=True))

    assert capfd.readouterr().out.splitlines() == ["demo      | half and half", "demo      | zażółć"]


def test_what_others_need_stops_after_them(supervisor: Supervisor, ear: Ear, tmp_path: Path) -> None:
    log = tmp_path / "order"
    code = """
import signal, sys, time
def end(*_):
    time.sleep(float(sys.argv[3]))
    with open(sys.argv[1], "a") as log:
        log.write(sys.argv[2] + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(99)
"""
    supervisor.start(Part("carrier", python(code, str(log), "carrier", "0"), os.environ, stops_last=True))
    supervisor.start(Part("worker", python(code, str(log), "worker", "0.3"), os.environ))
    assert supervisor.wait(lambda: len(ear.heard) == 2)

    supervisor.stop()

    assert log.read_text().split() == ["worker", "carrier"]


def test_a_second_ctrl_c_kills_at_once(supervisor: Supervisor, ear: Ear) -> None:
    part = Part("worker", python(STUBBORN), os.environ)
    supervisor.start(part)
    assert supervisor.wait(lambda: bool(ear.heard))
    process = part.process
    supervisor.asked_to_stop = 2

    began = time.monotonic()
    supervisor.stop()

    assert process is not None
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 5


def test_a_killed_launcher_leaves_no_part_not_even_what_a_part_started(
    home: Home, nothing_left: Callable[[], None]
) -> None:
    """Issue 2 point 2: no process is left, also after kill -9."""
    command = python(LAUNCHER, str(home.path), PARENT, STUBBORN)
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "worker    | here\n"
        assert len(processes_of(home.path)) == 3
        process.kill()

    wait_until(lambda: not processes_of(home.path), seconds=30)
