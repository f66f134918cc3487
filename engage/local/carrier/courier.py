"""Delivers receipts: signed webhooks, repeated until they are taken, and the visits of accounts that browse."""

import asyncio
import hashlib
import hmac
import logging
import random
import time

from engage.local.carrier.accounts import Account
from engage.local.carrier.fetch import NoAnswer, fetch
from engage.local.carrier.receipts import Receipt, Receipts

MOST_EVENTS = 500
MOST_VISITS = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
GATHER = 0.05
LOOK_AGAIN = 5.0
AGENT = {"User-Agent": "Mozilla/5.0 (sandbox recipient)"}
ONE_CLICK = {**AGENT, "Content-Type": "application/x-www-form-urlencoded"}

logger = logging.getLogger("carrier")


class NotTaken(Exception):
    """The receiver answered something else than 2xx."""


class Courier:
    """One task an account, made when its first receipt can be wanted."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._visitors = asyncio.Semaphore(MOST_VISITS)

    def serve(self, account: Account) -> None:
        if account.name not in self._tasks:
            self._tasks[account.name] = asyncio.create_task(self._serve(account))

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _serve(self, account: Account) -> None:
        pause = 0.0
        while True:
            account.woken.clear()
            try:
                busy = await self._turn(account)
                pause = 0.0
            except (NoAnswer, NotTaken) as error:
                pause = min(LONGEST_PAUSE, 2 * pause or FIRST_PAUSE)
                logger.warning("receipts of %s wait %.1f s: %s", account.name, pause, error)
                await asyncio.sleep(pause)
            except Exception:
                # One account's bad luck must not end its receipts for good.
                logger.exception("receipts of %s", account.name)
                await asyncio.sleep(LONGEST_PAUSE)
            else:
                await (asyncio.sleep(0) if busy else self._rest(account))

    async def _turn(self, account: Account) -> bool:
        """Plan a slice, deliver what is due; whether there was anything to do."""
        if not account.settings.wants_receipts:
            self._receipts.skip(account)
            return False
        planned = self._receipts.plan(account)
        due = self._receipts.due(account, limit=MOST_EVENTS)
        if account.settings.shuffle:
            random.shuffle(due)
        await self._report(account, [receipt for receipt in due if not receipt.visit])
        await self._visit(account, [receipt for receipt in due if receipt.visit])
        return planned or bool(due)

    async def _rest(self, account: Account) -> None:
        next_due = self._receipts.next_due(account)
        try:
            async with asyncio.timeout(LOOK_AGAIN if next_due is None else min(next_due, LOOK_AGAIN)):
                await account.woken.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER)

    async def _report(self, account: Account, receipts: list[Receipt]) -> None:
        if not receipts:
            return
        if account.settings.webhook_url:
            body = b'{"events":[' + b",".join(receipt.event.encode() for receipt in receipts) + b"]}"
            headers = signed(body, secret=account.settings.webhook_secret, at=int(time.time()))
            status = await fetch("POST", account.settings.webhook_url, headers=headers, body=body)
            if not 200 <= status < 300:
                raise NotTaken(f"{account.settings.webhook_url} answered {status}")
        self._receipts.delivered(account, receipts)

    async def _visit(self, account: Account, receipts: list[Receipt]) -> None:
        """Once each: a person who finds nobody does not come back."""
        if receipts:
            await asyncio.gather(*map(self._make, receipts))
            self._receipts.delivered(account, receipts)

    async def _make(self, receipt: Receipt) -> None:
        method, _, url = receipt.visit.partition(" ")
        headers, body = (ONE_CLICK, b"List-Unsubscribe=One-Click") if method == "POST" else (AGENT, b"")
        async with self._visitors:
            try:
                await fetch(method, url, headers=headers, body=body)
            except NoAnswer as error:
                logger.info("a visit found nobody: %s", error)


def signed(body: bytes, *, secret: str, at: int) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Carrier-Timestamp": str(at),
        "X-Carrier-Signature": f"v1={digest}",
    }
