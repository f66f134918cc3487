"""Roll-ups that pages read instead of counting."""

from __future__ import annotations

from django.db import models

from engage.orgs.tenancy import Owned, OwnedQuerySet


class Period(models.TextChoices):
    """The periods of the strip (M-05): days in Org time up to now."""

    WEEK = "7D", "7 days"
    MONTH = "1M", "1 month"
    QUARTER = "3M", "3 months"
    HALF = "6M", "6 months"


class StripFigures(Owned):
    """The strip's numbers of one scope and period (M-26), renewed every few minutes.

    `scope` is "org", or the ids of units joined by commas: the scopes that members have. Money in minor units.
    """

    scope = models.CharField(max_length=400)
    period = models.CharField(max_length=2, choices=Period)
    since = models.DateTimeField()
    until = models.DateTimeField()
    contacted = models.BigIntegerField(default=0)
    sent = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    no_report = models.BigIntegerField(default=0)
    responders = models.BigIntegerField(default=0)
    responder_sales = models.BigIntegerField(default=0)
    incremental = models.BigIntegerField(null=True, blank=True, help_text="None: no campaign has a value")
    without_value = models.IntegerField(default=0, help_text="Campaigns that have no incremental value")
    converted = models.BigIntegerField(default=0)
    computed_at = models.DateTimeField()
    transactions_up_to = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet["StripFigures"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["org", "scope", "period"], name="one_strip_a_scope_and_period")
        ]

    def __str__(self) -> str:
        return f"{self.period} of {self.scope}"
