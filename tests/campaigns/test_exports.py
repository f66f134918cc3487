"""The deliveries of a message as a file."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from audiences.models import Customer
from campaigns import exports
from campaigns.models import Delivery, Message, Run
from engage.orgs import jobs
from engage.orgs.access import NotAllowed
from engage.orgs.models import AuditEntry, DueWork, Job, Org
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns.factories import access
from tests.conversions.stories import Story, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(org: Org, settings: Settings, tmp_path: Path) -> Run:
    """Seven rows of two runs: sent, held out, failed; one customer's number looks like a formula."""
    settings.MEDIA_ROOT = tmp_path
    with org_context(org.pk):
        story = Story(org)
        campaign = story.campaign()
        first = story.run(campaign)
        people = story.customers(6)
        Customer.objects.for_org(org).filter(id=people[0]).update(external_id="=1+1")
        story.deliver(first, people[:3], outcome=Delivery.Outcome.DELIVERED)
        story.hold_out(first, people[3:5], at=utc(6, 1, "10:00:00"))
        story.deliver(first, people[5:], state=Delivery.State.FAILED, reason="no_answer", sent_at=None)
        second = story.run(campaign)
        Run.objects.for_org(org).filter(pk=second.pk).update(message_id=first.message_id)
        story.deliver(second, people[:1])
    return first


def _export(org: Org, of: Run) -> tuple[Job, list[dict[str, str]]]:
    admin = factories.member(org, "admin")
    with org_context(org.pk):
        message = Message.objects.for_org(org).select_related("campaign").get(pk=of.message_id)
        job = exports.ask(message, access=access(admin, org), at=timezone.now())
    jobs.run(org.pk, job.pk)
    with org_context(org.pk):
        job = Job.objects.for_org(org).get(pk=job.pk)
    assert job.status == Job.Status.DONE, job.error
    with (jobs.folder(job) / "deliveries.csv").open(encoding="utf-8", newline="") as file:
        return job, list(csv.DictReader(file))


def test_every_row_of_every_run_stands_in_the_file_whatever_the_size_of_a_slice(
    org: Org, sent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-53, M-40"""
    monkeypatch.setattr(exports, "SLICE", 2)
    job, rows = _export(org, sent)
    assert job.done == len(rows) == 7
    assert tuple(rows[0]) == exports.COLUMNS
    assert [row["state"] for row in rows].count("Held out") == 2
    assert {row["group"] for row in rows if row["state"] == "Held out"} == {"Control"}
    failed = next(row for row in rows if row["state"] == "Failed")
    assert (failed["reason"], failed["sent_at"], failed["coupon"]) == ("no_answer", "", "")


def test_times_carry_their_offset_and_no_cell_is_a_formula(org: Org, sent: Run) -> None:
    """M-40, Q-21"""
    _, rows = _export(org, sent)
    assert rows[0]["customer"] == "'=1+1"
    assert rows[0]["outcome"] == "Delivered"
    assert rows[0]["sent_at"][-6] in "+-"


def test_it_needs_the_right_to_export_customers_and_is_audited(
    org: Org, sent: Run, client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    """C-53, T-31"""
    address = f"/o/{org.slug}/messages/{sent.message_id}/"
    marketer = factories.member(org, "marketer")
    with org_context(org.pk), pytest.raises(NotAllowed, match=r"audience\.export"):
        exports.ask(
            Message.objects.for_org(org).get(pk=sent.message_id),
            access=access(marketer, org),
            at=timezone.now(),
        )
    client.force_login(marketer)
    assert f'action="{address}export/"' not in client.get(address).content.decode()
    assert client.post(f"{address}export/").status_code == 403
    client.force_login(factories.member(org, "admin"))
    assert f'action="{address}export/"' in client.get(address).content.decode()
    with django_capture_on_commit_callbacks():
        answer = client.post(f"{address}export/")
    with org_context(org.pk):
        job = Job.objects.for_org(org).get()
        assert AuditEntry.objects.for_org(org).filter(action="job.started", object_id=str(job.pk)).exists()
    assert answer["Location"] == f"/o/{org.slug}/jobs/{job.pk}/"


def test_the_file_is_kept_for_seven_days(org: Org, sent: Run) -> None:
    """C-53"""
    job, _ = _export(org, sent)
    path = jobs.folder(job) / "deliveries.csv"
    with org_context(org.pk):
        due = DueWork.objects.get(org=org, kind=exports.EXPIRY_DUE, ref_id=job.pk)
    assert job.finished_at is not None
    assert abs(due.due_at - job.finished_at - timedelta(days=7)) < timedelta(minutes=1)
    for _ in range(2):
        exports.forget(org.pk, job.pk)
    with org_context(org.pk):
        assert Job.objects.for_org(org).get(pk=job.pk).result_file == ""
        assert not DueWork.objects.filter(org=org, kind=exports.EXPIRY_DUE).exists()
    assert not path.exists()
