"""While an org's first data come in, every member sees how far they are; and the menu begins with what it is for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from engage.orgs import jobs
from engage.orgs.models import Job, Org
from engage.orgs.tenancy import org_context
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo_kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(jobs, "_fills", {"first-data"})
    yield "first-data"


def test_every_member_sees_how_far_the_first_data_are(org: Org, client: Client, demo_kind: str) -> None:
    """A-17, Q-31: also who may not open the jobs of others"""
    with org_context(org.pk):
        job = Job.objects.create(
            org=org, kind=demo_kind, title="Loading the demo", done=500, total=2000, created_at=NOW
        )
    client.force_login(factories.member(org, "analyst"))
    page = client.get(f"/o/{org.slug}/jobs/").content.decode()
    assert "Loading the demo" in page
    assert "500 of 2,000 records" in page
    assert 'id="filling"' in client.get(f"/o/{org.slug}/filling/").content.decode()
    with org_context(org.pk):
        Job.objects.for_org(org).filter(pk=job.pk).update(finished_at=NOW)
    assert 'id="filling"' not in client.get(f"/o/{org.slug}/jobs/").content.decode()
    assert "Everything is loaded" in client.get(f"/o/{org.slug}/filling/").content.decode()


def test_the_menu_begins_with_a_new_campaign_for_those_who_may(org: Org, client: Client) -> None:
    """T-34: it is no place to land on, and no tab of a phone"""
    link = f'href="/o/{org.slug}/campaigns/new/" class="makes"'
    client.force_login(factories.member(org, "marketer"))
    page = client.get(f"/o/{org.slug}/jobs/").content.decode()
    assert page.count(link) == 1
    assert client.get(f"/o/{org.slug}/")["Location"] == f"/o/{org.slug}/campaigns/"
    client.force_login(factories.member(org, "analyst"))
    assert link not in client.get(f"/o/{org.slug}/jobs/").content.decode()
