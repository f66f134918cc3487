"""`engage up` as a person meets it: one command, the console answers, Ctrl-C, nothing left."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engage.local.home import CHECKOUT, Home
from tests.local.conftest import Given, processes_of, wait_until

Engage = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass
class Running:
    """An `engage up` and what it has said so far."""

    home: Home
    port: int
    process: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)

    def read_until(self, pattern: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"it ended without a word like {pattern!r}:\n{''.join(self.said)}")

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def of_kind(self, word: str) -> list[int]:
        return [pid for pid, command in processes_of(self.home.path).items() if word in command]


def free_port() -> int:
    """A port with two free ones after it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return min(port, 65_000)


def start(home: Home, port: int, environment: dict[str, str]) -> Running:
    command = [sys.executable, "-m", "engage.local.cli", "up", "--no-demo"]
    return Running(
        home,
        port,
        subprocess.Popen(
            [*command, "--home", str(home.path), "--port", str(port)],
            cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fresh_environment: dict[str, str]) -> Iterator[Running]:
    running = start(Home.at(tmp_path_factory.mktemp("up")), free_port(), fresh_environment)
    with running.process:
        running.read_until(r"ready after")
        yield running
        running.process.send_signal(signal.SIGINT)


def test_the_console_answers_and_the_way_in_is_told(running: Running) -> None:
    """Issue 2 point 2."""
    assert running.answers()
    assert f"http://localhost:{running.port}" in running.said[-1]
    assert "no organisation yet" in running.read_until("engage create-org")


def test_a_second_start_on_the_same_home_is_refused(running: Running, engage: Engage) -> None:
    second = engage("up", "--home", str(running.home.path), "--port", str(free_port()))

    assert second.returncode == 1
    assert second.stderr == (
        f"engage: Engage runs from {running.home.path} already, at http://localhost:{running.port}: use that one, "
        "stop it with Ctrl-C, or start beside it with --home DIR --port N.\n"
    )


def test_a_port_in_use_is_refused_before_anything_starts(
    running: Running, engage: Engage, home: Home
) -> None:
    second = engage("up", "--home", str(home.path), "--port", str(running.port))

    assert second.returncode == 1
    assert second.stderr.splitlines() == [
        f"engage: Port {running.port} is in use (or not allowed): choose another with --port N."
    ]
    assert not (home.path / "pg").exists()


def test_a_command_beside_it_works_on_the_same_stack(running: Running, engage: Engage) -> None:
    """Operator commands: Django's, with the environment of the running stack."""
    shown = engage("run", "--home", str(running.home.path), "--", "env").stdout.splitlines()
    checked = engage("check", ENGAGE_HOME=str(running.home.path))

    assert f"ENGAGE_CONSOLE_URL=http://localhost:{running.port}" in shown
    assert any(line.startswith("ENGAGE_CARRIER_URL=http://127.0.0.1:") for line in shown)
    assert not any(line.startswith("DATABASE_OWNER_URL") for line in shown)
    assert checked.returncode == 0, checked.stderr


def test_the_secret_key_is_made_once_and_private(running: Running) -> None:
    key = running.home.path / "secret-key"

    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_text()) >= 50


def test_a_web_server_that_was_killed_comes_back(running: Running) -> None:
    (first,) = [pid for pid in running.of_kind("granian") if os.getpgid(pid) == pid]

    os.kill(first, signal.SIGKILL)

    running.read_until("web ended with -9, starting it again in 0.5 s")
    wait_until(lambda: running.answers() and first not in running.of_kind("granian"))


def test_a_database_that_was_killed_comes_back(running: Running, engage: Engage) -> None:
    (guardian,) = running.of_kind("engage.local.guardian")

    os.kill(guardian, signal.SIGKILL)

    running.read_until("ended by itself, starting them again")
    shown = engage("showmigrations", "orgs", ENGAGE_HOME=str(running.home.path))
    assert "[X] 0001_initial" in shown.stdout


def test_ctrl_c_leaves_nothing_and_the_next_start_keeps_the_data_and_survives_a_kill(
    running: Running, fresh_environment: dict[str, str]
) -> None:
    """Issue 2 point 2."""
    key = (running.home.path / "secret-key").read_text()
    running.process.send_signal(signal.SIGINT)
    running.read_until("stopped; no process is left")
    assert running.process.wait(10) == 0
    assert processes_of(running.home.path) == {}

    again = start(running.home, running.port, fresh_environment)
    with again.process:
        again.read_until("ready after")
        assert again.answers()
        assert (running.home.path / "secret-key").read_text() == key
        again.process.kill()

    wait_until(lambda: processes_of(running.home.path) == {}, seconds=40)


def test_given_servers_are_used_and_none_is_started(
    given: Given, home: Home, fresh_environment: dict[str, str]
) -> None:
    """Issue 2 point 2 and decisions 29: with both URLs set; the children know the runtime role only."""
    urls = {"DATABASE_URL": given.url("boss"), "REDIS_URL": given.share.redis_url}
    running = start(home, free_port(), fresh_environment | urls)
    with running.process:
        running.read_until(r"ready after")
        (web,) = [pid for pid in running.of_kind("granian") if os.getpgid(pid) == pid]
        told = (Path("/proc") / str(web) / "environ").read_bytes().split(b"\0")
        assert [line[:29] for line in told if line.startswith(b"DATABASE_")] == [
            b"DATABASE_URL=postgresql://run"
        ]
        assert not running.of_kind("guardian")
        assert not (home.path / "pg").exists()
        running.process.send_signal(signal.SIGINT)

    assert running.process.returncode == 0
    assert processes_of(home.path) == {}
    assert given.share.is_served()
