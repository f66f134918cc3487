"""Accounts: one an org and sender. Settings are kept in the home, counts live as long as the process."""

import asyncio
import hmac
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from engage.local.carrier.behaviour import BadSetting, Behaviour
from engage.local.carrier.keys import Keys
from engage.local.carrier.ledger import Entry, Ledger, Writer
from engage.local.carrier.outbox import Outbox
from engage.local.carrier.outcomes import RATES
from engage.local.carrier.settings import Settings

PLATFORM = "platform"


class Releasable(Protocol):
    def resume(self) -> None: ...


class Account:
    """An account at work: its settings, its files, what is stalled."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self.name = settings.account
        self.settings = settings
        self.behaviour = Behaviour(dict(settings.behaviour), seed=settings.seed)
        self.ledger = Ledger(home / "ledger" / f"{self.name}.log")
        self.counts: Counter[str] = Counter()
        self.stalled: set[Releasable] = set()
        self.woken = asyncio.Event()
        self._home = home

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self._home / "outbox" / self.name, keep=self.settings.keep_bodies)

    @cached_property
    def keys(self) -> Keys:
        """Read from the ledger when the first key comes: most accounts never see one."""
        return Keys(self.ledger, now_ms=time.time_ns() // 1_000_000)

    @property
    def rates(self) -> Mapping[str, float]:
        return RATES[self.settings.channel] if self.settings.rates is None else self.settings.rates

    def provider_id(self, seq: int) -> str:
        return f"{self.name}-{seq}"

    def change(self, settings: Settings, *, named: Container[str]) -> None:
        """Raises BadSetting before anything is changed. A behaviour that is named again begins again."""
        if "behaviour" in named or "seed" in named:
            self.behaviour = Behaviour(dict(settings.behaviour), seed=settings.seed)
        self.settings = settings
        self.outbox.keep = settings.keep_bodies
        self.woken.set()

    def release(self) -> int:
        stalled, self.stalled = self.stalled, set()
        for connection in stalled:
            connection.resume()
        return len(stalled)

    def accept(self, entry: Entry, raw: bytes, writer: Writer) -> str:
        """Record the message with this turn's write; the provider's id for the answer, which must wait for it."""
        offset = self.ledger.end
        seq = self.ledger.add(entry)
        writer.ask(self.ledger)
        if entry.key and self.settings.honours_key:
            self.keys.add(entry, offset, now_ms=time.time_ns() // 1_000_000)
        if self.settings.keep_bodies:
            self.outbox.add(seq, offset, raw)
            writer.ask(self.outbox)
        self.counts["accepted" if entry.answer == "ok" else "lost"] += 1
        self.woken.set()
        return self.provider_id(seq)


class Accounts:
    """All accounts, and the administrator's key."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._path = home / "accounts.json"
        self.admin_key = _admin_key(home / "admin.key")
        self._accounts = {settings.account: Account(settings, home) for settings in self._stored()}
        if PLATFORM not in self._accounts:
            self._accounts[PLATFORM] = Account(Settings(account=PLATFORM), home)
        self._by_key: dict[str, Account] = {}
        self._index_keys()

    def _stored(self) -> list[Settings]:
        if not self._path.exists():
            return []
        try:
            return [Settings(account="").changed(each) for each in json.loads(self._path.read_text("utf-8"))]
        except (ValueError, AttributeError) as error:
            raise BadSetting(f"{self._path} is damaged, repair it or move it away: {error}") from None

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._accounts.values()))

    def get(self, name: str) -> Account | None:
        return self._accounts.get(name)

    def by_key(self, key: str) -> Account | None:
        return self._by_key.get(key)

    def with_key(self, name: str, key: str) -> Account | None:
        """The account of this name, if this is its key."""
        account = self._accounts.get(name)
        if account is None or not account.settings.key:
            return None
        return account if hmac.compare_digest(account.settings.key.encode(), key.encode()) else None

    def upsert(self, changes: dict[str, Any]) -> Account:
        """Make or change an account; says what is wrong, and then changes nothing."""
        account = self._accounts.get(str(changes.get("account")))
        settings = (account.settings if account else Settings(account="")).changed(changes)
        if not settings.account:
            raise BadSetting("account: name it")
        if not settings.key and settings.account != PLATFORM:
            raise BadSetting("key: a new account needs one")
        holder = self._by_key.get(settings.key)
        if settings.key and ((holder and holder is not account) or settings.key == self.admin_key):
            raise BadSetting("key: another account has it")
        if account is None:
            account = self._accounts[settings.account] = Account(settings, self._home)
        account.change(settings, named=changes)
        self._index_keys()
        self._save()
        return account

    def _index_keys(self) -> None:
        self._by_key = {each.settings.key: each for each in self if each.settings.key}

    def _save(self) -> None:
        text = json.dumps([account.settings.as_json() for account in self], indent=1)
        write_private(self._path, text)


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, readable by the owner only."""
    part = path.with_suffix(".part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _admin_key(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text("utf-8").strip()
