"""What `engage up` runs: the processes of a stack on one machine, and what they are told."""

import os
import socket
import sys
from dataclasses import dataclass

from engage.local.errors import StartRefused
from engage.local.home import Home
from engage.local.supervisor import Part

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Options:
    home: Home
    port: int
    demo: bool


def local_environment(options: Options) -> dict[str, str]:
    """What is so because everything runs here, without a certificate. What the caller has set stays."""
    http_port = _free_port(options.port + 1)
    smtp_port = _free_port(options.port + 2, besides=http_port)
    here = {
        "ENGAGE_PLAIN_HTTP": "1",
        "ENGAGE_CONSOLE_URL": f"http://localhost:{options.port}",
        "ENGAGE_EMAIL_URL": f"smtp://{ADDRESS}:{smtp_port}",
    }
    carrier = {
        "ENGAGE_CARRIER_URL": f"http://{ADDRESS}:{http_port}",
        "ENGAGE_CARRIER_SMTP": f"{ADDRESS}:{smtp_port}",
    }
    return {name: os.environ.get(name) or value for name, value in here.items()} | carrier


def parts(options: Options, environment: dict[str, str]) -> list[Part]:
    """The processes that stay, in the order in which they start."""
    return [
        Part("carrier", _carrier(options, environment), environment, stops_last=True),
        Part("web", _web(options), environment),
        Part("worker", _worker(), environment),
        Part("scheduler", django("run_scheduler"), environment),
    ]


def django(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "django", *arguments]


def _carrier(options: Options, environment: dict[str, str]) -> list[str]:
    command = [sys.executable, "-m", "engage.local.carrier", "--home", str(options.home.path / "carrier")]
    command += ["--smtp-port", environment["ENGAGE_CARRIER_SMTP"].rpartition(":")[2]]
    command += ["--http-port", environment["ENGAGE_CARRIER_URL"].rpartition(":")[2]]
    return command


def _web(options: Options) -> list[str]:
    """Processes, not threads: two with one thread each answered 2.3 times as many pages as threads did."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
    command += ["--host", ADDRESS, "--port", str(options.port), "--workers", "2", "--blocking-threads", "1"]
    # A worker that is asked to stop while it starts may hang in granian 2.8.
    return [*command, "--workers-kill-timeout", "5", "--log-level", "warning", "engage.wsgi:application"]


def _worker() -> list[str]:
    # Celery warns root at length; on one's own machine, in a container, that is how it is.
    as_root = ["-W", "ignore:You're running the worker with superuser"] if os.geteuid() == 0 else []
    command = [sys.executable, *as_root, "-m", "celery", "--quiet", "--app", "engage", "worker"]
    command += ["--pool", "prefork", "--concurrency", "2", "--loglevel", "INFO"]
    return [*command, "--without-gossip", "--without-mingle", "--without-heartbeat"]


def check_port(port: int) -> None:
    """Before anything is started: the web server would say it late and in its own words."""
    if not 0 < port < 65_536:
        raise StartRefused(f"--port {port}: a port is a number from 1 to 65535.")
    if not _is_free(port):
        raise StartRefused(f"Port {port} is in use (or not allowed): choose another with --port N.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def _free_port(wanted: int, *, besides: int = 0) -> int:
    """The one beside the console's, so that addresses stay the same from start to start; else any."""
    if 0 < wanted < 65_536 and wanted != besides and _is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
    return port
