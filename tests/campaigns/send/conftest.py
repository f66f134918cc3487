"""The send is tested with committed rows, real threads and processes, and the carrier's own ledger as the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker, Settings

from campaigns import arming
from engage.orgs.models import Fence
from tests.campaigns.send import world as worlds
from tests.campaigns.send.world import World
from tests.local.carriers import Carrier, running


@pytest.fixture(scope="session")
def carrier_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    home: Path = tmp_path_factory.mktemp("carrier")
    with running(home) as carrier:
        yield carrier


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Rows that other threads and processes see. Each test has orgs of its own, so one flush a module is enough."""
    del django_db_setup
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            case: Any = TransactionTestCase("run")
            case._fixture_teardown()  # as pytest-django does after a test, here once a module


@pytest.fixture
def carrier(carrier_process: Carrier, settings: Settings) -> Carrier:
    settings.CARRIER_SMTP = f"127.0.0.1:{carrier_process.smtp_port}"
    settings.CARRIER_URL = carrier_process.url
    settings.PASSWORD_HASHERS = [f"{MD5PasswordHasher.__module__}.{MD5PasswordHasher.__qualname__}"]
    return carrier_process


@pytest.fixture
def world(transactional_db: None, carrier: Carrier) -> World:
    """Twenty people, no control group, no quiet hours."""
    return worlds.make(carrier, 20)


@pytest.fixture
def forgotten_fence(transactional_db: None) -> Iterator[None]:
    """The fence is the installation's, not an org's: tests that beat begin and end without one, and without copies."""
    _forget_fence()
    yield
    _forget_fence()


def _forget_fence() -> None:
    Fence.objects.all().delete()
    arming.forget_copies()
