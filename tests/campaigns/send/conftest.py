"""The send is tested with committed rows, real threads and processes, and the carrier's own ledger as the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.campaigns.send import world as worlds
from tests.campaigns.send.world import World
from tests.local.carriers import Carrier, running


@pytest.fixture(scope="session")
def carrier_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    home: Path = tmp_path_factory.mktemp("carrier")
    with running(home) as carrier:
        yield carrier


@pytest.fixture
def carrier(carrier_process: Carrier, settings: Settings) -> Carrier:
    settings.CARRIER_SMTP = f"127.0.0.1:{carrier_process.smtp_port}"
    settings.CARRIER_URL = carrier_process.url
    return carrier_process


@pytest.fixture
def world(transactional_db: None, carrier: Carrier) -> World:
    """Twenty people, no control group, no quiet hours."""
    return worlds.make(carrier, 20)
