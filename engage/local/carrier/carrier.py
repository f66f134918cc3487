"""The process: doors, accounts, receipts, and a clean stop."""

import asyncio
import fcntl
import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

from engage.local.carrier.accounts import Accounts, write_private
from engage.local.carrier.connection import Connection
from engage.local.carrier.courier import Courier
from engage.local.carrier.http import Http
from engage.local.carrier.ledger import Writer
from engage.local.carrier.pages import Pages
from engage.local.carrier.receipts import Receipts
from engage.local.carrier.smtp import Smtp

BACKLOG = 1024
GOODBYE = 2.0

logger = logging.getLogger("carrier")


class Unable(Exception):
    """Why, and what to do, in one line."""


def lock_home(home: Path) -> None:
    """Hold the home until the process ends: two carriers on one ledger would ruin it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in ("ledger", "outbox"):
        (home / folder).mkdir(exist_ok=True, mode=0o700)
    fd = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Unable(f"another carrier runs on {home}; stop it or choose another --home") from None


class Carrier:
    """Everything that lives in one process, wired."""

    def __init__(self, home: Path, *, fsync: bool) -> None:
        self._home = home
        self._stop = asyncio.Event()
        self._failure: OSError | None = None
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._writer = Writer(asyncio.get_running_loop(), fsync=fsync, failed=self._cannot_write)
        self._accounts = Accounts(home)
        self._receipts = Receipts(home / "receipts.db", fsync=fsync)
        self._courier = Courier(self._receipts)
        self._pages = Pages(self._accounts, self._receipts, changed=self._courier.serve)

    def _cannot_write(self, error: OSError) -> None:
        """Nothing may be answered any more."""
        self._failure = self._failure or error
        for connection in list(self._connections):
            connection.transport.abort()
        self._stop.set()

    async def run(self, host: str, *, smtp_port: int, http_port: int) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        smtp = await self._listen(
            lambda: Smtp(self._accounts, self._writer, self._connections), host, smtp_port
        )
        http = await self._listen(
            lambda: Http(self._accounts, self._writer, self._connections, self._pages), host, http_port
        )
        for account in self._accounts:
            self._courier.serve(account)
        ports = {"smtp": smtp, "http": http, "pid": os.getpid()}
        write_private(self._home / "ports.json", json.dumps(ports))
        logger.info(
            "ready: SMTP %s:%d, HTTP %s:%d, admin key in %s", host, smtp, host, http, self._home / "admin.key"
        )
        await self._stop.wait()
        await self._close()
        if self._failure is not None:
            raise Unable(f"the ledger cannot be written: {self._failure}") from self._failure

    async def _listen(self, protocol: Callable[[], Connection], host: str, port: int) -> int:
        """Open a door; the port it got."""
        try:
            server = await asyncio.get_running_loop().create_server(protocol, host, port, backlog=BACKLOG)
        except OSError as error:
            raise Unable(f"cannot listen on {host}:{port} ({error.strerror}); choose another port") from None
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        self._writer.write()
        for connection in list(self._connections):
            connection.stop()
        for _ in range(int(GOODBYE / 0.02)):
            if not self._connections:
                break
            await asyncio.sleep(0.02)
        await self._courier.stop()
        self._receipts.close()
