"""Saved sets of customers, in versions that messages pin (A-43)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from audiences.models.base import OfCustomer
from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet, UnitOwnedQuerySet


class Audience(Owned):
    """A saved set of customers, owned by the org or one unit (T-03)."""

    class Kind(models.TextChoices):
        FILTER = "filter", "Filter"
        UPLOAD = "upload", "Upload"

    unit = TenantForeignKey("orgs.OrgUnit", null=True, blank=True)
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=100)
    current = TenantForeignKey(
        "audiences.AudienceVersion",
        null=True,
        blank=True,
        help_text="None while its first file is being read",
    )
    created_by = models.ForeignKey("orgs.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)
    revision = models.IntegerField(default=1)

    objects = UnitOwnedQuerySet["Audience"].as_manager()

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return self.name


class AudienceVersion(Owned):
    """One state of an audience: a filter's tree, or an uploaded list's members. Never changed once written.

    `digest` identifies who can be in it: of the tree, or of the sorted members.
    """

    audience = TenantForeignKey(Audience, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    tree = models.JSONField(null=True, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    digest = models.CharField(max_length=64)
    size = models.BigIntegerField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    # Of `size`, how many can be reached by promotional messages, by channel: as of `counted_at`.
    reach = models.JSONField(default=dict, blank=True)
    usable = models.BooleanField(
        default=True, help_text="False: over half rejected, until someone says use anyway"
    )
    job = TenantForeignKey("orgs.Job", null=True, blank=True)
    created_by = models.ForeignKey("orgs.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    objects = OwnedQuerySet["AudienceVersion"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["org", "audience", "number"], name="audience_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.audience_id} version {self.number}"


class FilterDraft(Owned):
    """A filter as one person left it in the builder, complete or not (Q-36). `audience` None: a new one."""

    user = models.ForeignKey("orgs.User", on_delete=models.CASCADE, related_name="+")
    audience = TenantForeignKey(Audience, null=True, blank=True, on_delete=models.CASCADE)
    sketch = models.JSONField(default=dict)
    saved_at = models.DateTimeField()

    objects = OwnedQuerySet["FilterDraft"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "user", "audience"], name="one_filter_draft_each", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"draft of audience {self.audience_id or 'new'}"


class ListMember(OfCustomer):
    """A customer in one version of an uploaded list, with the values of its custom tags in the version's order."""

    pk = models.CompositePrimaryKey("org_id", "customer_id", "version_id")
    version_id = models.BigIntegerField()
    tags = ArrayField(models.CharField(max_length=500), default=list)

    objects = OwnedQuerySet["ListMember"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["org", "version_id", "customer_id"], name="list_member_by_list")]

    def __str__(self) -> str:
        return f"customer {self.customer_id} in list version {self.version_id}"
