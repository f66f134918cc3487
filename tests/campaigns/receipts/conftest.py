"""People of these tests never sign in by password, so nothing is gained by hashing one slowly."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = [f"{MD5PasswordHasher.__module__}.{MD5PasswordHasher.__qualname__}"]
