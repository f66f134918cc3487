"""API keys (T-28 to T-30), and how a bare token finds its org."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet


class TokenOrg(models.Model):
    """SHA-256 of a secret → org: what must be known before a context can be opened. Holds nothing else."""

    class Kind(models.TextChoices):
        API_KEY = "api_key", "API key"
        INVITATION = "invitation", "Invitation"
        HOOK = "hook", "Provider webhook"

    kind = models.CharField(max_length=12, choices=Kind)
    token_hash = models.CharField(max_length=64)
    org = models.ForeignKey("orgs.Org", on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "token_hash"], name="one_org_a_token")]

    def __str__(self) -> str:
        return f"{self.kind} of org {self.org_id}"


class ApiKey(Owned):
    """A secret for programs. Only its prefix and SHA-256 are kept; it is shown once."""

    name = models.CharField(max_length=60)
    unit = TenantForeignKey("orgs.OrgUnit", null=True, blank=True)
    prefix = models.CharField(max_length=12)
    token_hash = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=10))
    created_by = models.ForeignKey("orgs.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet["ApiKey"].as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
