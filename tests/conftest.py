"""Fixtures that every test may use: two orgs, and people in the first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories


@pytest.fixture
def org(db: None) -> Org:
    """An org with settings and ready-made roles; no context is open."""
    return factories.OrgFactory.create(slug="acme", name="Acme")


@pytest.fixture
def other_org(db: None) -> Org:
    return factories.OrgFactory.create(slug="verde", name="Verde")


@pytest.fixture
def inside(org: Org) -> Iterator[Org]:
    """The org, with its context open for the whole test."""
    with org_context(org.pk):
        yield org


@pytest.fixture
def admin(org: Org) -> User:
    return factories.member(org, "admin")


@pytest.fixture
def marketer(org: Org) -> User:
    return factories.member(org, "marketer")


@pytest.fixture
def approver(org: Org) -> User:
    return factories.member(org, "approver")
