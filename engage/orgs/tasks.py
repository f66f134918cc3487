"""Doorbells of the ground floor: ids only, each looks at the database first."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from engage.orgs import due, jobs, notices


@shared_task
def run_job(*, org_id: int, job_id: int, **_: Any) -> None:
    jobs.run(org_id, job_id)


@shared_task
def deliver_notice(*, org_id: int, notice_id: int, **_: Any) -> None:
    notices.deliver(org_id, notice_id)


@due.handler(jobs.DUE_KIND)
def ring_job(org_id: int, ref_id: int) -> None:
    run_job.delay(org_id=org_id, job_id=ref_id)


@due.handler(notices.DUE_KIND)
def ring_notice(org_id: int, ref_id: int) -> None:
    deliver_notice.delay(org_id=org_id, notice_id=ref_id)
