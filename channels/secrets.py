"""Secrets of senders at rest: encrypted with a key derived from `SECRET_KEY`, readable with its fallbacks
too.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from hashlib import blake2b

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """The stored secret was made with a `SECRET_KEY` that is no longer known; it must be entered again."""


def encrypt(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode() if secret else ""


def decrypt(stored: str) -> str:
    """Raises `Unreadable`."""
    try:
        return _box().decrypt(stored.encode()).decode() if stored else ""
    except InvalidToken as error:
        raise Unreadable(
            "The secret cannot be read with the present SECRET_KEY; enter it again, or add the former key to "
            "SECRET_KEY_FALLBACKS."
        ) from error


def _box() -> MultiFernet:
    return _boxed((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _boxed(keys: tuple[str, ...]) -> MultiFernet:
    derived = (blake2b(key.encode(), digest_size=32, person=b"engage-sender").digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
