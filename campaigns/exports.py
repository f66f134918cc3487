"""The deliveries of a message as a file (C-53, M-40): any number of rows, in slices, by a background job.

It names customers, so it needs the right to export them besides that of reports. The file is kept for 7 days.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from audiences.models import Customer
from campaigns.models import Delivery, Message, Run
from channels.models import Sender
from engage.orgs import due, jobs
from engage.orgs.access import Access
from engage.orgs.models import Job, OrgSettings
from engage.orgs.spreadsheet import harmless
from engage.orgs.tenancy import org_context

JOB_KIND: Final = "export-deliveries"
EXPIRY_DUE: Final = "export-expiry"
RIGHTS: Final = ("report.export", "audience.export")
KEPT: Final = timedelta(days=7)
SLICE: Final = 5_000
# M-40; credits and coupons are empty until they exist (M-04).
COLUMNS: Final = (
    "campaign", "message", "run", "slot", "channel", "customer", "group", "variant", "state", "reason", "outcome",
    "due_at", "sent_at", "delivered_at", "opened_at", "clicked_at", "sender", "segments", "credits", "coupon",
)  # fmt: skip


def ask(message: Message, *, access: Access, at: datetime) -> Job:
    """Write the job down. Call inside the org's context. Raises `NotAllowed`."""
    for right in RIGHTS:
        access.require(right)
    return jobs.start(
        message.org_id,
        kind=JOB_KIND,
        title=f"Deliveries of “{message.title}”"[:200],
        parameters={"message": message.pk},
        by=access.user,
        at=at,
    )


@jobs.handler(JOB_KIND)
def run(job: Job, progress: jobs.Progress) -> None:
    """Write the file from its beginning, and offer it when it is whole."""
    path = jobs.folder(job) / "deliveries.csv"
    part = path.with_suffix(".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            _write(job, progress, csv.writer(file))
    except jobs.Cancelled:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)
    job.result_file = str(path.relative_to(settings.MEDIA_ROOT))
    with org_context(job.org_id):
        due.set_due(job.org_id, EXPIRY_DUE, job.pk, timezone.now() + KEPT)


def _write(job: Job, progress: jobs.Progress, out: Any) -> None:
    out.writerow(COLUMNS)
    with org_context(job.org_id):
        desk = _Desk(job)
    done = 0
    for run_id in desk.runs:
        after: int | None = None
        while True:
            with org_context(job.org_id):
                rows = desk.slice(run_id, after)
                lines = list(desk.lines(rows))
            if not rows:
                break
            out.writerows(lines)
            after, done = rows[-1].seq, done + len(rows)
            progress.advance(done)


class _Desk:
    """What every line needs besides its row. Make and ask it inside the org's context."""

    def __init__(self, job: Job) -> None:
        self.org_id = job.org_id
        found = Message.objects.for_org(job.org_id).select_related("campaign")
        message = found.filter(pk=job.parameters["message"]).first()
        if message is None:
            raise jobs.JobFailed("The message was deleted meanwhile.")
        self.message = message
        self.zone: ZoneInfo = OrgSettings.objects.for_org(job.org_id).get().zone
        runs = Run.objects.for_org(job.org_id).filter(message=message).order_by("pk")
        self.runs = list(runs.values_list("pk", flat=True))
        self.senders = dict(Sender.objects.for_org(job.org_id).values_list("pk", "identity"))

    def slice(self, run_id: int, after: int | None) -> list[Delivery]:
        rows = Delivery.objects.for_org(self.org_id).filter(run_id=run_id)
        if after is not None:
            rows = rows.filter(seq__gt=after)
        return list(rows.order_by("seq")[:SLICE])

    def lines(self, rows: list[Delivery]) -> Iterator[list[Any]]:
        ids = {row.customer_id for row in rows}
        names = Customer.objects.for_org(self.org_id).filter(id__in=ids).values_list("id", "external_id")
        customers = dict(names)
        for row in rows:
            outcome = Delivery.Outcome(row.outcome).label if row.outcome else ""
            yield [
                harmless(self.message.campaign.name),
                harmless(self.message.title),
                row.run_id,
                row.slot,
                row.channel,
                harmless(customers.get(row.customer_id, "")),
                Delivery.Arm(row.arm).label,
                row.variant,
                Delivery.State(row.state).label,
                row.reason or row.outcome_reason,
                outcome,
                *(
                    at.astimezone(self.zone).isoformat(timespec="seconds") if at else ""
                    for at in (row.due_at, row.sent_at, row.delivered_at, row.opened_at, row.clicked_at)
                ),
                harmless(self.senders.get(row.sender_id or 0, "")),
                "" if row.segments is None else row.segments,
                "",
                "",
            ]


def forget(org_id: int, job_id: int) -> None:
    """Delete a file whose days are over."""
    with org_context(org_id):
        due.clear(org_id, EXPIRY_DUE, job_id)
        job = Job.objects.for_org(org_id).filter(pk=job_id).first()
        if job is None or not job.result_file:
            return
        (Path(settings.MEDIA_ROOT) / job.result_file).unlink(missing_ok=True)
        job.result_file = ""
        job.save(update_fields=["result_file"])
