"""The embedded PostgreSQL of one home, started by its guardian."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from engage.local import identity, locks, roles
from engage.local.binaries import PostgresPrograms, find_postgres
from engage.local.errors import StartRefused
from engage.local.home import SPACE_FOR_DATA, Home

START_SECONDS = 90
STOP_SECONDS = 60

# Appended to the cluster's own configuration once; the file may be edited freely.
CONFIGURATION = """\
listen_addresses = ''
max_connections = 200
shared_buffers = '256MB'
effective_cache_size = '1GB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
wal_compression = on
max_wal_size = '2GB'
checkpoint_completion_target = 0.9
random_page_cost = 1.1
jit = off
shared_preload_libraries = 'pg_stat_statements'
log_min_duration_statement = 500
log_line_prefix = '%m [%p] %u@%d '
"""
WITHOUT_POWER_LOSS = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]


class Postgres:
    """One cluster in `pg/`. The server itself holds a lock: it tells whether one of an earlier guardian lives."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, then checkpoints

    def __init__(self, home: Home, *, durable: bool) -> None:
        self.home = home
        self.durable = durable
        self.data = home.path / "pg"
        self.programs: PostgresPrograms = find_postgres()
        self.identity = identity.for_database()
        self.sockets = home.socket_folder(
            "pg", longest=".s.PGSQL.5432.lock", server_uid=self.identity.disk_uid
        )
        self.identity.give(self.sockets, inside=home.path)
        self.address = str(self.sockets)

    def start(self) -> subprocess.Popen[bytes]:
        self._check_version()
        lock = self._take_over()
        try:
            if not self.data.exists():
                self._make_cluster()
            self._forget_stale_pid()
            command = [self.programs["postgres"], "-D", str(self.data), "-k", self.address]
            command += [] if self.durable else WITHOUT_POWER_LOSS
            log = self.home.open_log(self.name)
            with os.fdopen(log, "ab") as output:
                return subprocess.Popen(
                    command, stdout=output, stderr=output, pass_fds=(lock,), **self.identity.options
                )
        finally:
            os.close(lock)

    def wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Until `postmaster.pid` names this very process and says ready; then the roles and the database."""
        deadline = time.monotonic() + START_SECONDS
        while not self._says_ready(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartRefused(
                    f"PostgreSQL did not start: {_last_line(self.home.logs / 'postgres.log')} "
                    f"(more in {self.home.logs / 'postgres.log'})."
                )
            time.sleep(0.01)
        roles.prepare_embedded(self.address)

    def _says_ready(self, pid: int) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _check_version(self) -> None:
        version = self.data / "PG_VERSION"
        if not version.exists():
            return
        made_by = version.read_text().strip()
        if made_by != str(self.programs.major):
            raise StartRefused(
                f"The data in {self.data} was made by PostgreSQL {made_by}, but {self.programs.major} is installed: "
                f"set ENGAGE_PG_BIN to a PostgreSQL {made_by}, or dump with it and restore into a new --home DIR."
            )

    def _take_over(self) -> int:
        """The lock on the data. A server that outlived its guardian is asked to stop, and waited for."""
        path = self.home.path / "pg.lock"
        lock = locks.try_acquire(path)
        if lock is not None:
            return lock
        if (self.data / "postmaster.pid").exists():
            subprocess.run(
                [self.programs["pg_ctl"], "stop", "-D", str(self.data), "-m", "fast", "-W"],
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **self.identity.options,
            )
        deadline = time.monotonic() + STOP_SECONDS
        while (lock := locks.try_acquire(path)) is None:
            if time.monotonic() > deadline:
                raise StartRefused(
                    f"A PostgreSQL of an earlier start still runs on {self.data} and does not stop: end it."
                )
            time.sleep(0.05)
        return lock

    def _make_cluster(self) -> None:
        """Made aside and renamed, so that a start that is killed leaves no half cluster."""
        self.home.check_space(SPACE_FOR_DATA)
        aside = self.home.path / "pg.new"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        self.identity.give(aside, inside=self.home.path)
        collation = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.programs.major >= 17 else []
        )
        made = subprocess.run(
            [self.programs["initdb"], "-D", str(aside), "-U", roles.SUPERUSER, "-E", "UTF8", "--locale=C",
             *collation, "--auth-local=trust", "--auth-host=reject", "--no-sync"],
            check=False, capture_output=True, text=True, **self.identity.options,
        )  # fmt: skip
        if made.returncode != 0:
            raise StartRefused(
                f"PostgreSQL could not make its data in {self.data}: {_complaint(made.stderr)}."
            )
        (aside / "engage.conf").write_text(CONFIGURATION)
        self.identity.give(aside / "engage.conf", inside=self.home.path)
        with (aside / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = 'engage.conf'\n")
        aside.replace(self.data)

    def _forget_stale_pid(self) -> None:
        """We hold the data's lock, so no server of ours lives: a pid left by a killed one may be anybody's.

        A PostgreSQL that someone started on this folder by hand does not hold our lock: it is left alone.
        """
        path = self.data / "postmaster.pid"
        if not path.exists():
            return
        pid = (path.read_text().splitlines() or [""])[0]
        listed = subprocess.run(
            ["/bin/ps", "-o", "command=", "-p", pid], capture_output=True, text=True, check=False
        )
        if "postgres" in listed.stdout and str(self.data) in listed.stdout:
            raise StartRefused(
                f"A PostgreSQL that was started by hand runs on {self.data} (process {pid}): stop it first."
            )
        path.unlink()


def _last_line(path: Path) -> str:
    return _complaint(path.read_text(errors="replace")) if path.exists() else "no word from it"


def _complaint(text: str) -> str:
    """The line that says what went wrong: the last one at ERROR or FATAL."""
    lines = text.splitlines() or ["no word from it"]
    return next((line for line in reversed(lines) if "error" in line.lower() or "FATAL" in line), lines[-1])
