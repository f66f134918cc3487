"""The audit trail: one hash chain an org, append-only for the role that serves (T-31, T-32)."""

from __future__ import annotations

from django.db import models

from engage.orgs.tenancy import Owned, OwnedQuerySet


class AuditHead(Owned):
    """The end of an org's chain. Its row lock orders the writers."""

    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    objects = OwnedQuerySet["AuditHead"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org"], name="one_audit_head_an_org")]

    def __str__(self) -> str:
        return f"audit head of org {self.org_id}"


class AuditEntry(Owned):
    """One fact: who did what to which object, before, after, why. Personal data is referenced, never copied."""

    seq = models.BigIntegerField()
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True, help_text="A user; None for the system")
    actor_name = models.CharField(max_length=120)
    address = models.CharField(max_length=45, blank=True)
    action = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = OwnedQuerySet["AuditEntry"].as_manager()

    class Meta:
        ordering = ["-seq"]
        constraints = [models.UniqueConstraint(fields=["org", "seq"], name="audit_seq_once_in_org")]
        indexes = [models.Index(fields=["org", "object_kind", "object_id", "-seq"], name="audit_history")]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"
