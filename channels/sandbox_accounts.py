"""Accounts at the sandbox carrier, opened and changed with its administrator's key (docs/carrier.md)."""

from __future__ import annotations

from typing import Any

import httpx
from django.conf import settings

from channels.sandbox import CarrierUnavailable

_TIMEOUT = httpx.Timeout(10.0)


def open_account(
    name: str, *, key: str, channel: str, webhook_url: str, webhook_secret: str, **behaviour: Any
) -> None:
    """Make an account that reports to this webhook. `behaviour` are further settings of the carrier's.

    Raises `CarrierUnavailable`.
    """
    change_account(
        name, key=key, channel=channel, webhook_url=webhook_url, webhook_secret=webhook_secret, **behaviour
    )


def change_account(name: str, **changes: Any) -> None:
    """Change what is named of an account (`rates`, `clock_shift`, `instant`, …). Raises `CarrierUnavailable`."""
    if not settings.CARRIER_URL:
        raise CarrierUnavailable("No sandbox carrier runs here.")
    try:
        answer = httpx.post(
            f"{settings.CARRIER_URL}/admin/accounts",
            json={"account": name, **changes},
            headers={"Authorization": f"Bearer {_admin_key()}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise CarrierUnavailable("The sandbox carrier does not answer.") from error
    if answer.status_code >= httpx.codes.BAD_REQUEST:
        raise CarrierUnavailable(f"The sandbox carrier refused the account: {answer.text[:200]}")


def _admin_key() -> str:
    try:
        return settings.CARRIER_KEY_FILE.read_text("utf-8").strip()
    except OSError as error:
        raise CarrierUnavailable("The sandbox carrier's administrator key cannot be read here.") from error
