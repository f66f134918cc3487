"""The process that owns the servers of one home: `python -m engage.local.guardian HOME`.

It holds `guardian.lock` for life. Users hold a share of `users.lock`; the guardian tries for the whole of it, and
has it exactly when the last user is gone, even one that was killed. Then it stops the servers cleanly and ends.
It says one line of JSON on its standard output: the servers' addresses, or why there are none.
"""

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from engage.local import locks
from engage.local.broker import Broker
from engage.local.errors import StartRefused
from engage.local.home import Home
from engage.local.postgres import Postgres

SERVERS: dict[str, type[Postgres | Broker]] = {"postgres": Postgres, "redis": Broker}
STOP_SECONDS = 30
LOOK_SECONDS = 0.2

log = logging.getLogger("guardian")


class Guardian:
    def __init__(self, home: Home, names: list[str], *, durable: bool) -> None:
        self.home = home
        self.names = names
        self.durable = durable
        self.running: list[tuple[Postgres | Broker, subprocess.Popen[bytes]]] = []
        self.asked_to_stop = False

    def start(self) -> dict[str, str]:
        for server in [SERVERS[name](self.home, durable=self.durable) for name in self.names]:
            self.running.append((server, server.start()))
        for server, process in self.running:
            server.wait_ready(process)
        return {server.name: server.address for server, _ in self.running}

    def wait_for_the_last_user(self) -> None:
        """Or for the end of a server: then all stop, and whoever needs them starts a new guardian."""
        while not self.asked_to_stop:
            dead = [server.name for server, process in self.running if process.poll() is not None]
            if dead:
                log.error("%s ended by itself", " and ".join(dead))
                return
            # Kept until this process ends: whoever comes now waits for the servers to have stopped.
            if locks.try_acquire(self.home.run / "users.lock") is not None:
                return
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        for server, process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(server.stop_signal)
        for server, process in self.running:
            try:
                log.info("%s ended with %s", server.name, process.wait(STOP_SECONDS))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                log.warning("%s was killed after %s s", server.name, STOP_SECONDS)
            folder = Path(server.address)
            folder = folder if folder.is_dir() else folder.parent
            if not folder.is_relative_to(self.home.path):
                _remove(folder)


def _remove(folder: Path) -> None:
    """A socket folder outside the home."""
    for leftover in folder.iterdir():
        leftover.unlink()
    folder.rmdir()


def _announce(message: dict[str, object]) -> None:
    """The one line, after which standard output goes to the log."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def run(home: Home, names: list[str], *, durable: bool) -> int:
    state = home.run / "guardian.json"
    guardian = Guardian(home, names, durable=durable)
    signal.signal(signal.SIGTERM, lambda *_: setattr(guardian, "asked_to_stop", True))
    try:
        addresses = guardian.start()
    except (StartRefused, OSError) as error:  # OSError: a full disk, a program that may not be run
        guardian.stop()
        refusal = (
            str(error) if isinstance(error, StartRefused) else f"The local servers did not start: {error}."
        )
        _announce({"refused": refusal})
        log.exception("%s", refusal)
        return 1
    partial = state.with_suffix(".new")
    partial.write_text(json.dumps(addresses))
    partial.replace(state)
    _announce({"addresses": addresses})
    log.info("serving %s", addresses)
    guardian.wait_for_the_last_user()
    state.unlink(missing_ok=True)
    guardian.stop()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="guardian")
    parser.add_argument("home")
    parser.add_argument("--server", action="append", choices=sorted(SERVERS), required=True)
    parser.add_argument(
        "--without-power-loss", action="store_true", help="for tests: nothing is synced to disk"
    )
    options = parser.parse_args()
    # Ctrl-C is for the users; they let go, and then we stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    home = Home.at(options.home)
    locks.acquire(home.run / "guardian.lock")
    return run(home, options.server, durable=not options.without_power_loss)


if __name__ == "__main__":
    sys.exit(main())
