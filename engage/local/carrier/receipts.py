"""The receipts not yet delivered. The ledger is the queue they come from, this file how far it has been planned.

An account's rows are turned into dated events and stored together with the place reached, in one transaction, so a
crash plans no row twice and forgets none. What is due is taken by the courier and deleted once it is delivered.
"""

import json
import secrets
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from engage.local.carrier.accounts import Account
from engage.local.carrier.ledger import HEADING
from engage.local.carrier.planning import Planned, planned

MOST_WAITING = 500_000
TABLES = """
CREATE TABLE IF NOT EXISTS reached (account TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS receipt (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, due INTEGER NOT NULL, visit TEXT NOT NULL, event TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS receipt_due ON receipt (account, due);
"""


class Receipt(NamedTuple):
    """Something to deliver: an event for the webhook, or a visit (method and address) that a person would make."""

    id: int
    visit: str
    event: str


class Receipts:
    """The store. Times are milliseconds since 1970."""

    def __init__(self, path: Path, *, fsync: bool) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'OFF'}")
        self._db.executescript(TABLES)
        self._reached: dict[str, int] = dict(self._db.execute("SELECT account, offset FROM reached"))
        self._waiting = Counter(
            dict(self._db.execute("SELECT account, count(*) FROM receipt GROUP BY account"))
        )

    def waiting(self, account: Account) -> int:
        return self._waiting[account.name]

    def due_now(self, account: Account) -> int:
        counted = "SELECT count(*) FROM receipt WHERE account = ? AND due <= ?"
        (due,) = self._db.execute(counted, (account.name, time.time_ns() // 1_000_000)).fetchone()
        return int(due)

    def unplanned(self, account: Account) -> int:
        """Bytes of the ledger, beyond its heading, that no receipt was made of yet."""
        return account.ledger.end - max(self._reached.get(account.name, 0), len(HEADING))

    def plan(self, account: Account) -> bool:
        """Turn a slice of the ledger's new rows into receipts; whether there was one."""
        reached = self._reached.get(account.name, 0)
        if self._waiting[account.name] >= MOST_WAITING:
            return False
        rows, end = account.ledger.rows(reached)
        if not rows:
            return False
        self._store(account, [receipt for _, row in rows for receipt in planned(account, row)], end)
        return True

    def skip(self, account: Account) -> None:
        """Nobody wants this account's receipts: what waits goes, what is accepted now will have none later."""
        if self._waiting.pop(account.name, 0):
            self._db.execute("DELETE FROM receipt WHERE account = ?", (account.name,))
        end = account.ledger.written
        if self._reached.get(account.name) != end:
            self._store(account, [], end)

    def _store(self, account: Account, made: list[Planned], end: int) -> None:
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO receipt (account, due, visit, event) VALUES (?, ?, ?, ?)",
                [(account.name, *receipt) for receipt in made],
            )
            self._db.execute("INSERT OR REPLACE INTO reached VALUES (?, ?)", (account.name, end))
        self._reached[account.name] = end
        self._waiting[account.name] += len(made)

    def inbound(self, account: Account, said: dict[str, str], *, at: str) -> str:
        """A reply that came in, to be reported as the next event."""
        event_id = f"{account.name}-inbound-{secrets.token_hex(8)}"
        event = json.dumps({"event_id": event_id, "type": "inbound", "at": at, **said})
        self._store(account, [Planned(0, "", event)], self._reached.get(account.name, 0))
        account.woken.set()
        return event_id

    def due(self, account: Account, *, limit: int) -> list[Receipt]:
        rows = self._db.execute(
            "SELECT id, visit, event FROM receipt WHERE account = ? AND due <= ? ORDER BY due, id LIMIT ?",
            (account.name, time.time_ns() // 1_000_000, limit),
        )
        return [Receipt(*row) for row in rows]

    def next_due(self, account: Account) -> float | None:
        """Seconds until the next receipt is due; None if none waits."""
        (due,) = self._db.execute(
            "SELECT min(due) FROM receipt WHERE account = ?", (account.name,)
        ).fetchone()
        return None if due is None else max(0.0, due / 1000 - time.time())

    def delivered(self, account: Account, receipts: list[Receipt]) -> None:
        with self._db:
            self._db.execute("BEGIN")
            ids = [(receipt.id,) for receipt in receipts]
            gone = self._db.executemany("DELETE FROM receipt WHERE id = ?", ids).rowcount
        self._waiting[account.name] -= gone
        account.counts["receipts_sent"] += len(receipts)

    def close(self) -> None:
        self._db.close()
