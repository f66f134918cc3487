"""Tests migrate as the owner and run as `runtime`, as in production (decisions 17)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import environ
import pytest
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from engage.local import roles


def _become(variable: str) -> None:
    """Reconnect at the next query as the role of this variable's URL. Threads share these settings."""
    role = environ.Env.db_url_config(os.environ[variable])
    connection.close()
    connection.settings_dict["USER"] = role["USER"]
    connection.settings_dict["PASSWORD"] = role["PASSWORD"]


@contextmanager
def as_owner() -> Iterator[None]:
    """For what only the owner may do in a test: truncate, look past no policy, alter a table."""
    _become("DATABASE_OWNER_URL")
    try:
        yield
    finally:
        _become("DATABASE_URL")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    _become("DATABASE_OWNER_URL")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The original migrates, then `runtime` serves; the owner comes back to drop the database."""
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # Django's, private

    def flush_as_owner(case: TransactionTestCase) -> None:
        """`runtime` may not truncate."""
        with as_owner():
            flush(case)

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(TransactionTestCase, "_fixture_teardown", flush_as_owner)
        _become("DATABASE_URL")
        yield
        _become("DATABASE_OWNER_URL")


@pytest.fixture
def owner_role(django_db_blocker: DjangoDbBlocker) -> Any:
    """`with owner_role(): …` in a transactional test."""
    return as_owner


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """The environment of a child process (worker, scheduler, web) on this test's database, as `runtime`."""
    name = connection.settings_dict["NAME"]
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_OWNER_URL"}
    environment["DATABASE_URL"] = roles.with_database(os.environ["DATABASE_URL"], name)
    environment["DJANGO_SETTINGS_MODULE"] = "engage.settings"
    return environment
