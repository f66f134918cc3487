"""A real carrier process and a real receiver of its webhooks, for the tests of the carrier."""

import base64
import contextlib
import csv
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

PATIENCE = 20.0
MAIL = (
    b"Message-ID: <%s@mail.example>\r\nX-Engage-Ref: %s\r\nSubject: =?utf-8?q?Sch=C3=B6n?=\r\n"
    b"Content-Type: text/plain\r\n\r\nHello\r\n"
)


def until(ready: Callable[[], Any], what: str) -> Any:
    """The first true answer; fails when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := ready():
            return answer
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s")


def mail(reference: str) -> bytes:
    name = reference.encode()
    return MAIL % (name, name)


class Carrier:
    """One home, and the process on it when it runs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.start()

    def start(self, *more: str) -> None:
        ports = self.home / "ports.json"
        ports.unlink(missing_ok=True)
        self.process = self.spawn("--smtp-port", "0", "--http-port", "0", *more)
        until(lambda: ports.exists() or self.process.poll() is not None, "the start of the carrier")
        if self.process.returncode is not None:
            raise AssertionError(self.process.communicate()[0])
        told = json.loads(ports.read_text())
        self.smtp_port, self.http_port = told["smtp"], told["http"]
        self.url = f"http://127.0.0.1:{self.http_port}"

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "engage.local.carrier", "--home", str(self.home), *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Stop or kill the process; its exit code and what it said."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said

    def limit_files_to(self, size: int) -> None:
        """As on a full disk: no file grows beyond this."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, size))

    @property
    def admin_key(self) -> str:
        return (self.home / "admin.key").read_text().strip()

    def admin(self, method: str, path: str, body: object = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.url}/admin/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.admin_key}"},
        )

    def account(self, name: str, **settings: Any) -> "Account":
        key = f"key-of-{name}"
        self.admin("POST", "accounts", {"account": name, "key": key, **settings}).raise_for_status()
        return Account(self, name, key)


class Account:
    """An account of the carrier, as its owner uses it."""

    def __init__(self, carrier: Carrier, name: str, key: str) -> None:
        self.carrier, self.name, self.key = carrier, name, key
        self.headers = {"Authorization": f"Bearer {key}"}

    def behaves(self, **behaviour: Any) -> None:
        self.carrier.admin("PUT", f"accounts/{self.name}/behaviour", behaviour).raise_for_status()

    def ledger(self) -> list[dict[str, str]]:
        with (self.carrier.home / "ledger" / f"{self.name}.log").open(encoding="utf-8") as file:
            return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))

    def references(self) -> list[str]:
        return [row["reference"] for row in self.ledger()]

    def stats(self) -> dict[str, int]:
        stats: dict[str, int] = self.carrier.admin("GET", "stats").json()["accounts"][self.name]
        return stats

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.carrier.url + path, headers=self.headers)

    def post(self, reference: str, *, to: str = "+447700900123", **more: Any) -> httpx.Response:
        headers = self.headers | more.pop("headers", {})
        body = {"reference": reference, "to": to, "from": "ACME", "text": "Hello", **more}
        return httpx.post(f"{self.carrier.url}/v1/messages", json=body, headers=headers)

    def talk(self) -> "Talk":
        talk = Talk(self.carrier.smtp_port)
        credentials = base64.b64encode(f"\0{self.name}\0{self.key}".encode()).decode()
        assert talk.say(f"AUTH PLAIN {credentials}").startswith("235")
        return talk

    def send(self, reference: str, *, to: str = "ann@example.com") -> str:
        """Hand over by SMTP; the last reply."""
        with contextlib.closing(self.talk()) as talk:
            return talk.hand_over(reference, to=to)


class Talk:
    """An SMTP client that says exactly what a test wants, and reads reply by reply. "" is a closed connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")
        assert self.reply().startswith("220")
        self.extensions = self.say("EHLO test")

    def reply(self) -> str:
        lines = []
        with contextlib.suppress(ConnectionResetError):
            while line := self.file.readline().decode():
                lines.append(line)
                if line[3:4] == " ":
                    break
        return "".join(lines).strip()

    def write(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self.socket.sendall(data)

    def say(self, line: str) -> str:
        self.write(line.encode() + b"\r\n")
        return self.reply()

    def envelope(self, reference: str, *, to: str = "ann@example.com") -> bytes:
        return f"MAIL FROM:<b+{reference}@mail.example>\r\nRCPT TO:<{to}>\r\n".encode()

    def hand_over(self, reference: str, *, to: str = "ann@example.com") -> str:
        """Step by step; the first reply that is no consent, or the one to the content."""
        *steps, last = self.envelope(reference, to=to).decode().splitlines()
        for line in (*steps, last, "DATA"):
            reply = self.say(line)
            if reply[:1] not in {"2", "3"}:
                return reply
        self.write(mail(reference) + b".\r\n")
        return self.reply()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Receiver:
    """An HTTP server that keeps what it was sent, and answers with the statuses it is given first."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                receiver.requests.append((self.command, self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST  # noqa: N815 (names of the standard library)

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def events(self) -> list[dict[str, Any]]:
        posts = [body for _, path, _, body in self.requests if path == "/hook"]
        return [event for body in posts for event in json.loads(body)["events"]]

    def types(self, reference: str) -> list[str]:
        return [event["type"] for event in self.events() if event.get("reference") == reference]

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@contextlib.contextmanager
def running(home: Path) -> Iterator[Carrier]:
    carrier = Carrier(home)
    try:
        yield carrier
    finally:
        carrier.end()


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()
