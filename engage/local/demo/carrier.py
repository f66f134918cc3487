"""Asking the sandbox carrier how much it still has to tell."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import httpx
from django.conf import settings

logger = logging.getLogger(__name__)

_LOOK: Final = 0.05


class CarrierMissing(Exception):
    """No sandbox carrier is known here; the text says what to do."""


def require() -> None:
    """Raise `CarrierMissing` where the demo's messages could not be sent."""
    if not settings.CARRIER_URL:
        raise CarrierMissing(
            "The demo is sent through the sandbox carrier, which runs beside `engage up`: start that first. Without "
            "`--no-demo` it loads the demo by itself."
        )


def wait_until_told(*, seconds: float) -> None:
    """Until every receipt that is due by now was taken by its webhook. Late opens of a recent send stay with it."""
    until = time.monotonic() + seconds
    while waiting := _waiting():
        if time.monotonic() > until:
            logger.warning("the carrier still has %s receipts to tell; they come later", waiting)
            return
        time.sleep(_LOOK)


def _waiting() -> int:
    key = settings.CARRIER_KEY_FILE.read_text("utf-8").strip()
    answer = httpx.get(
        f"{settings.CARRIER_URL}/admin/stats",
        headers={"Authorization": f"Bearer {key}"},
        timeout=10,
        trust_env=False,
    )
    answer.raise_for_status()
    accounts: dict[str, dict[str, Any]] = answer.json()["accounts"]
    return sum(int(of["receipts_due"]) + int(of["ledger_unplanned"] > 0) for of in accounts.values())
