"""Saved audiences in the console."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from audiences.models import Audience, Customer
from campaigns.models import MessageAudience
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made

pytestmark = pytest.mark.django_db


def test_an_audience_is_listed_counted_and_said_in_words(org: Org, client: Client) -> None:
    """A-32, A-36, A-46"""
    manager = factories.member(org, "audience-manager")
    with org_context(org.pk):
        audience = made.audience(org, manager, name="Everybody we know")
        at = timezone.now()
        for number in (1, 2, 3):
            Customer.objects.create(
                org=org, id=number, external_id=f"C{number}", created_at=at, updated_at=at
            )
    client.force_login(manager)
    assert "Everybody we know" in client.get(f"/o/{org.slug}/audiences/?q=everybody").content.decode()
    assert "Everybody we know" not in client.get(f"/o/{org.slug}/audiences/?kind=upload").content.decode()
    client.post(f"/o/{org.slug}/audiences/{audience.pk}/count/")
    with org_context(org.pk):
        current = Audience.objects.for_org(org).select_related("current").get(pk=audience.pk).current
        assert current is not None
        assert (current.size, current.counted_at is not None) == (3, True)
    assert client.get(f"/o/{org.slug}/audiences/{audience.pk}/").status_code == 200


def test_an_audience_is_archived_unless_a_message_holds_it(org: Org, client: Client) -> None:
    """A-45"""
    marketer = factories.member(org, "marketer")
    with org_context(org.pk):
        story = made.Story(org)
        waiting = story.to("awaiting")
        held = MessageAudience.objects.for_org(org).get(message=waiting).audience
        free = made.audience(org, marketer)
    client.force_login(marketer)
    told = client.post(f"/o/{org.slug}/audiences/{held.pk}/archive/", follow=True).content.decode()
    assert "still uses it" in told
    client.post(f"/o/{org.slug}/audiences/{free.pk}/archive/")
    with org_context(org.pk):
        assert Audience.objects.for_org(org).get(pk=held.pk).archived_at is None
        assert Audience.objects.for_org(org).get(pk=free.pk).archived_at is not None
    client.post(f"/o/{org.slug}/audiences/{free.pk}/archive/", {"do": "restore"})
    with org_context(org.pk):
        assert Audience.objects.for_org(org).get(pk=free.pk).archived_at is None
