"""Long work: claimed by lease, shown with progress, cancelled without a trace; mail to members; due work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from engage.orgs import due, jobs, notices
from engage.orgs.jobs import JobFailed, Progress
from engage.orgs.models import DueWork, Job, Notice, Org, User
from engage.orgs.tenancy import org_context

pytestmark = pytest.mark.django_db
Work = dict[str, list[int]]


@pytest.fixture
def kind() -> Iterator[str]:
    """A kind of job that counts to five, fails or crashes as its parameters say."""

    @jobs.handler("test")
    def count(job: Job, progress: Progress) -> None:
        if job.parameters.get("fail"):
            raise JobFailed("The file is empty. Choose another one.")
        if job.parameters.get("crash"):
            raise ZeroDivisionError
        for n in range(1, 6):
            progress.advance(n, total=5, counts={"created": n})

    yield "test"
    jobs._handlers.pop("test")


def start(org: Org, by: User | None, kind: str, **parameters: bool) -> Job:
    with org_context(org.pk):
        return jobs.start(org, kind=kind, title="Counting", parameters=parameters, by=by, at=timezone.now())


def stored(org: Org, job: Job) -> Job:
    with org_context(org.pk):
        return Job.objects.for_org(org).get(pk=job.pk)


def test_a_job_shows_source_who_counts_and_progress(org: Org, admin: User, client: Client, kind: str) -> None:
    """A-17"""
    job = start(org, admin, kind)
    jobs.run(org.pk, job.pk)
    after = stored(org, job)
    assert (after.status, after.done, after.total, after.counts) == ("done", 5, 5, {"created": 5})
    client.force_login(admin)
    page = client.get(f"/o/{org.slug}/jobs/{job.pk}/").content.decode()
    assert "Counting" in page and str(admin) in page and "Created" in page


def test_a_failed_job_says_what_to_do_and_a_crash_does_not_hang(org: Org, admin: User, kind: str) -> None:
    failed, crashed = start(org, admin, kind, fail=True), start(org, admin, kind, crash=True)
    jobs.run(org.pk, failed.pk)
    jobs.run(org.pk, crashed.pk)
    assert stored(org, failed).error == "The file is empty. Choose another one."
    assert stored(org, crashed).status == Job.Status.FAILED
    assert not DueWork.objects.filter(org=org, kind="job").exists()


def test_a_job_runs_once_and_again_only_when_its_worker_died(org: Org, admin: User, kind: str) -> None:
    """Q-19"""
    job = start(org, admin, kind)
    assert jobs.claim(org.pk, job.pk, timezone.now()) is not None
    assert jobs.claim(org.pk, job.pk, timezone.now()) is None
    later = timezone.now() + jobs.LEASE + timedelta(seconds=1)
    assert jobs.claim(org.pk, job.pk, later) is not None


def test_cancelling_stops_a_waiting_job_and_a_running_one_at_its_next_slice(
    org: Org, admin: User, kind: str
) -> None:
    """A-25"""
    waiting, running = start(org, admin, kind), start(org, admin, kind)
    with org_context(org.pk):
        jobs.cancel(waiting, by=admin, at=timezone.now())
        jobs.cancel(running, by=admin, at=timezone.now())
        Job.objects.for_org(org).filter(pk=running.pk).update(status="waiting")
    jobs.run(org.pk, running.pk)
    assert stored(org, waiting).status == stored(org, running).status == Job.Status.CANCELLED
    assert stored(org, running).done == 1


def test_somebody_elses_job_needs_the_right_to_see_queues(
    org: Org, admin: User, marketer: User, client: Client, kind: str
) -> None:
    """T-11"""
    job = start(org, admin, kind)
    client.force_login(marketer)
    assert client.get(f"/o/{org.slug}/jobs/{job.pk}/").status_code == 404


def test_a_notice_goes_to_each_recipient_apart_and_once(inside: Org) -> None:
    """T-26"""
    written = notices.write(
        inside, ["A@example.com", "b@example.com", "a@example.com "], "Hello", "Text", at=timezone.now()
    )
    assert written is not None
    notices.deliver(inside.pk, written.pk)
    notices.deliver(inside.pk, written.pk)
    assert sorted(message.to[0] for message in mail.outbox) == ["a@example.com", "b@example.com"]
    assert notices.write(inside, [], "Nobody", "Text", at=timezone.now()) is None


def test_due_work_is_rung_when_due_and_again_until_it_is_cleared(org: Org) -> None:
    rung: list[tuple[int, int]] = []
    due.handler("test-bell")(lambda org_id, ref_id: rung.append((org_id, ref_id)))
    now = timezone.now()
    due.set_due(org, "test-bell", 7, now)
    due.ring_due(now - timedelta(seconds=1))
    assert rung == []
    due.ring_due(now)
    due.ring_due(now + timedelta(seconds=1))
    assert rung == [(org.pk, 7)]
    due.ring_due(now + due.REPEAT)
    assert len(rung) == 2
    due.clear(org, "test-bell", 7)
    due.ring_due(now + timedelta(hours=1))
    assert len(rung) == 2
    due._handlers.pop("test-bell")


def test_recurring_work_is_planted_in_every_org(org: Org, other_org: Org) -> None:
    rung: list[int] = []
    due.handler("test-tide", recurring=True)(lambda org_id, _: rung.append(org_id))
    due.ring_due(timezone.now())
    assert sorted(rung) == sorted([org.pk, other_org.pk])
    due._handlers.pop("test-tide")
    due._recurring.discard("test-tide")


def test_mail_to_members_survives_a_mail_server_that_is_down(
    inside: Org, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-35"""
    written = notices.write(inside, ["a@example.com"], "Hello", "Text", at=timezone.now())
    assert written is not None
    with monkeypatch.context() as patch:
        patch.setattr("django.conf.settings.EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
        patch.setattr("django.conf.settings.EMAIL_PORT", 1)
        notices.deliver(inside.pk, written.pk)
    after = Notice.objects.for_org(inside).get(pk=written.pk)
    assert after.sent_at is None and after.attempts == 1 and after.last_error
    notices.deliver(inside.pk, written.pk)
    assert Notice.objects.for_org(inside).get(pk=written.pk).sent_at is not None
