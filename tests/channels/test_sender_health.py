"""How each sender does, as its list shows it (H-31)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Message, Run
from channels.models import Sender
from engage.orgs.models import Org
from engage.orgs.tenancy import org_context
from tests import factories
from tests.conversions.stories import Story
from tests.reporting.seasons import tally

pytestmark = pytest.mark.django_db
SENT, FAILED = 1, 2
DELIVERED, NOT_DELIVERED, NO_REPORT = 2, 3, 4


def row_of(html: str, name: str) -> str:
    """A row of the table as text."""
    (row,) = [part for part in html.split("<tr>") if f">{name}<" in part]
    return " ".join(re.sub(r"<[^>]*>", " ", row).split())


def test_health_is_sent_ever_and_lately_with_rate_band_last_failure_and_queue(
    org: Org, client: Client
) -> None:
    """H-31, M-11, M-12: of what this sender sent, and nobody else."""
    today = timezone.now().date()
    with org_context(org.pk):
        factories.settings_of(org, time_zone="UTC")
        story = Story(org)
        busy, _idle = (
            Sender.objects.create(
                org=org, channel="email", name=name, identity=f"{name.lower()}@acme.example", adapter="smtp",
                status="active", created_at=timezone.now(),
            )
            for name in ("Busy", "Idle")
        )  # fmt: skip
        Sender.objects.for_org(org).filter(pk=busy.pk).update(
            last_failure="The relay refused the password.", last_failure_at=timezone.now()
        )
        campaign = story.campaign()
        old, lately, now = (story.run(campaign, today - timedelta(days=days)) for days in (31, 30, 0))
        Message.objects.for_org(org).update(sender=busy)
        tally(org, old, [(0, 0, 0, 900), (SENT, DELIVERED, 0, 900)])
        outcomes = [(SENT, DELIVERED, 0, 40), (SENT, NO_REPORT, 0, 10), (SENT, NOT_DELIVERED, 0, 8)]
        tally(org, lately, [(0, 0, 0, 60), *outcomes])
        tally(org, now, [(0, 0, 0, 30), (SENT, NOT_DELIVERED, 0, 2), (FAILED, 0, 0, 5)])
        Run.objects.for_org(org).filter(pk=now.pk).update(status=Run.Status.SENDING)
    client.force_login(factories.member(org, "admin"))
    html = client.get(f"/o/{org.slug}/delivery/senders/", headers={"HX-Request": "true"}).content.decode()
    shown = row_of(html, "Busy")
    assert "80.00% look into it" in shown.replace("\u00a0", "")
    assert " 60 960 ever" in shown
    assert " 23" in shown.split("ever")[1]
    assert "Last failure: The relay refused the password." in shown
    assert re.search(r"— 0 0 ever 0$", row_of(html, "Idle"))
