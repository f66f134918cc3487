"""The hosts under which an org's links answer."""

from __future__ import annotations

from django.db import models

from engage.orgs.tenancy import OwnedQuerySet


class TrackingDomain(models.Model):
    """A host of the org's own for links, opens and opt-outs (T-24). No policy: a request names only the host.

    Used once verified. A retired one is in no new message and goes on answering, because links outlive it.
    """

    org = models.ForeignKey("orgs.Org", on_delete=models.CASCADE, related_name="+")
    host = models.CharField(max_length=253)
    # What the org publishes to prove that the name is theirs.
    token = models.CharField(max_length=43)
    created_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet["TrackingDomain"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["org", "host"], name="tracking_domain_once_an_org"),
            models.UniqueConstraint(
                fields=["host"],
                name="tracking_domain_of_one_org",
                condition=models.Q(verified_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.host
