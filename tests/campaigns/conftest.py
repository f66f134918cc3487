"""Who is signed in on the pages of campaigns, and a campaign of theirs."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns.factories import campaign


@pytest.fixture
def writer(org: Org, client: Client) -> User:
    """A marketer of the whole org, signed in."""
    user = factories.member(org, "marketer", name="Wilma Writer")
    client.force_login(user)
    return user


@pytest.fixture
def made(org: Org, writer: User) -> Campaign:
    with org_context(org.pk):
        return campaign(org, writer, at=timezone.now(), name="Diwali gold")
