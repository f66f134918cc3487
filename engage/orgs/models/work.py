"""Queues of record: due work, long jobs, mail to members, and the fence that a restore trips."""

from __future__ import annotations

from django.db import models

from engage.orgs.tenancy import Owned, OwnedQuerySet


class DueWork(models.Model):
    """Ids and times only, without a policy: from here the scheduler rings each org's own context.

    `kind` names a handler registered by the app that owns the work; `ref_id` is its row. One row a (org, kind, ref).
    """

    org = models.ForeignKey("orgs.Org", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=30)
    ref_id = models.BigIntegerField(default=0)
    due_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "kind", "ref_id"], name="one_due_row_a_work")]
        indexes = [models.Index(fields=["due_at"], name="due_work_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref_id} of org {self.org_id}"


class Fence(models.Model):
    """One row. `counter` only grows; a copy outside PostgreSQL that is ahead of it means lost history."""

    counter = models.BigIntegerField(default=0)
    system_identifier = models.CharField(max_length=40, blank=True)
    armed = models.BooleanField(default=True)
    reason = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"fence {self.counter}, {'armed' if self.armed else 'off'}"


class Job(Owned):
    """Long work with a page: progress, counts, cancel, result (A-17). The worker that holds it renews `lease_until`."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    kind = models.CharField(max_length=30)
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    parameters = models.JSONField(default=dict)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True, blank=True, help_text="None while unknown")
    counts = models.JSONField(default=dict, help_text="What became of the records, by word")
    error = models.TextField(blank=True)
    source_file = models.CharField(max_length=300, blank=True)
    errors_file = models.CharField(max_length=300, blank=True)
    result_file = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey("orgs.User", null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet["Job"].as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.title

    @property
    def finished(self) -> bool:
        return self.status in {self.Status.DONE, self.Status.FAILED, self.Status.CANCELLED}


class Notice(Owned):
    """A mail to members, written with the change it tells of and sent afterwards (C-30)."""

    recipients = models.JSONField()
    subject = models.CharField(max_length=200)
    body = models.TextField()
    created_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = OwnedQuerySet["Notice"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["org", "id"], name="notice_unsent", condition=models.Q(sent_at__isnull=True))
        ]

    def __str__(self) -> str:
        return self.subject
