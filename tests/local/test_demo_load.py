"""The demo as `engage up` loads it, by its second tenant: through the real engine, a real carrier and real webhooks."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from audiences.models import Customer, Transaction, TransactionLine
from campaigns.models import Campaign, Delivery, Message, MessageVersion, Run
from campaigns.verify import verify
from channels.models import Sender
from conversions import attribution
from conversions.models import Attribution, Progress, Response
from engage.local.demo import loading, verde
from engage.local.demo_accounts import ACCOUNTS
from engage.orgs import audit, brand
from engage.orgs.models import Job, LandingText, Member, Org, User
from engage.orgs.tenancy import org_context
from tests.campaigns.send.conftest import carrier, carrier_process, transactional_db  # noqa: F401  fixtures
from tests.local.carriers import Carrier

State = Delivery.State


@pytest.fixture
def stack(
    transactional_db: None,  # noqa: F811
    carrier: Carrier,  # noqa: F811
    live_server: LiveServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The carrier and the console that it reports to; the extra with the real data is not installed."""
    settings.CONSOLE_URL = settings.TRACKING_URL = live_server.url
    settings.CARRIER_KEY_FILE = carrier.home / "admin.key"
    monkeypatch.setattr(loading, "EXTRA", "a_package_that_nobody_has")


def _counts(org: Org) -> dict[str, int]:
    models: list[Any] = [
        Customer, Transaction, TransactionLine, Campaign, Message, MessageVersion, Run, Delivery, Sender, Member,
        Attribution, Response, LandingText,
    ]  # fmt: skip
    with org_context(org.pk):
        return {model.__name__: model.objects.for_org(org).count() for model in models}


def _load() -> str:
    said = io.StringIO()
    call_command("load_demo", stdout=said)
    return said.getvalue()


def test_the_second_tenant_is_loaded_sent_and_measured_once(stack: None, client: Client) -> None:
    """Issue 2 point 10, decisions 27, 30, 31: without the extra, and repeated without a change."""
    assert "600 customers" in _load()
    assert Org.objects.filter(slug="northline").count() == 0

    org = Org.objects.get(slug=verde.SLUG)
    counted = _counts(org)
    assert counted["Customer"] == verde.CUSTOMERS
    assert counted["Transaction"] > verde.BILLS
    with org_context(org.pk):
        runs = list(Run.objects.for_org(org))
        states = Counter(Delivery.objects.for_org(org).values_list("state", "arm"))
        statuses = Counter(Message.objects.for_org(org).values_list("status", flat=True))
        assert [run.simulated for run in runs] == [True, True]
        assert all(run.clock_shift < 0 for run in runs)
        assert list(verify(org)) == []
        assert audit.verify(org).problem == ""
        dated = Delivery.objects.for_org(org).filter(state=State.SENT, delivered_at__isnull=False)
        by_run = {run.pk: run for run in runs}
        for row in dated:
            assert 0 <= (row.delivered_at - by_run[row.run_id].due_at).total_seconds() < 86_400
        job = Job.objects.for_org(org).get()
        face = brand.face_of(org.pk)
        assert face is not None
        assert face.logo
        assert face.words("es", "E-mail").farewell
    assert statuses == {"completed": 2, "awaiting": 1}
    assert states[State.SENT, Delivery.Arm.TEST] > 400
    assert states[State.HELD_OUT, Delivery.Arm.CONTROL] > 30
    assert states[State.SENT, Delivery.Arm.CONTROL] == 0
    assert states[State.UNCONFIRMED, Delivery.Arm.TEST] == 0
    assert counted["Response"] > 100
    assert counted["Attribution"] > 100
    assert (job.status, job.done) == (Job.Status.DONE, job.total)

    assert _load() == "The demo is there already; nothing was changed.\n"
    assert _counts(org) == counted

    _knows_no_less_later(org)
    _cut_short(job)
    _load()
    assert _counts(org) == counted
    with org_context(org.pk):
        assert Job.objects.for_org(org).get().counts == job.counts
    _shows_what_is_simulated(client, org)


def _knows_no_less_later(org: Org) -> None:
    """M-07: the scheduler looks less far than the loader did, and the pages still say up to which sale they count."""
    attribution.attribute(org.pk, at=timezone.now())

    with org_context(org.pk):
        newest = Transaction.objects.for_org(org).order_by("-txn_at").values_list("txn_at", flat=True).first()
        assert Progress.objects.for_org(org).get().transactions_up_to == newest


def _cut_short(job: Job) -> None:
    """As if the loader had been killed before it could note that anything was done."""
    with org_context(job.org_id):
        Job.objects.for_org(job.org_id).filter(pk=job.pk).update(
            status=Job.Status.RUNNING, finished_at=None, lease_until=None,
            parameters={"began": job.parameters["began"]},
        )  # fmt: skip


def _shows_what_is_simulated(client: Client, org: Org) -> None:
    """The console labels it, and both of the tenant's admins see it."""
    with org_context(org.pk):
        campaign = Campaign.objects.for_org(org).get(name="Rebajas")
        fresh = Campaign.objects.for_org(org).get(name="Nueva colección")
    for email in ("luis@verde.example", "asha@northline.example"):
        client.force_login(User.objects.get(email=email), backend="engage.orgs.signin.EmailBackend")
        page = client.get(reverse("campaign-report", kwargs={"org": org.slug, "pk": campaign.pk}))
        assert page.status_code == 200
        assert "are simulated" in page.content.decode()
    page = client.get(reverse("campaign-report", kwargs={"org": org.slug, "pk": fresh.pk}))
    assert "are simulated" not in page.content.decode()


@pytest.mark.django_db
def test_without_the_carrier_the_loader_says_what_to_start() -> None:
    """Decisions 27: the past goes through the sandbox carrier or not at all."""
    with pytest.raises(CommandError, match="start that first"):
        call_command("load_demo")

    assert not Org.objects.exists()


def test_every_role_of_the_walk_can_sign_in() -> None:
    """Issue 2: marketer, approver, analyst, operations and an admin in the first tenant; the switcher shows two."""
    assert [account.role_key for account in ACCOUNTS if account.tenant == "Northline"] == [
        "admin", "marketer", "approver", "analyst", "ops",
    ]  # fmt: skip
    assert [account.also for account in ACCOUNTS if account.email == "asha@northline.example"] == [("Verde",)]
