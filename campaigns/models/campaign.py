"""The frame of messages: name, dates, objective, control share (C-01)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, UnitOwnedQuerySet


class Objective(models.TextChoices):
    """What a campaign is for, at most one of nine (C-03)."""

    SALES = "sales", "Boost sales"
    ACQUIRE = "acquire", "Acquire customers"
    PRODUCTS = "products", "Promote specific products"
    FEEDBACK = "feedback", "Collect feedback from customers"
    RETENTION = "retention", "Improve retention"
    WIN_BACK = "win_back", "Win back lapsed customers"
    CAPTURE = "capture", "Capture customer information"
    GREETINGS = "greetings", "Send greetings to customers"
    VISITS = "visits", "Increase store visits"


class Campaign(Owned):
    """Owned by the org or one unit, fixed at first save. Its status follows from its dates (C-07)."""

    class Status(models.TextChoices):
        UPCOMING = "upcoming", "Upcoming"
        LIVE = "live", "Live"
        LAPSED = "lapsed", "Lapsed"

    class Kind(models.TextChoices):
        BROADCAST = "broadcast", "Broadcast"

    unit = TenantForeignKey("orgs.OrgUnit", null=True, blank=True)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.BROADCAST)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    start_on = models.DateField()
    end_on = models.DateField()
    objective = models.CharField(max_length=12, choices=Objective, blank=True)
    # What a "products" or "visits" objective is about (C-04): {"items": [...], "categories": [...]} of codes, or
    # {"stores": [...], "zones": [...]}.
    objective_values = models.JSONField(default=dict, blank=True)
    # The org's share when the campaign was made (T-25), or its own (C-05): the split stays the same for its whole life.
    control_permille = models.SmallIntegerField(
        default=100, validators=[MinValueValidator(0), MaxValueValidator(500)]
    )
    split = models.CharField(
        max_length=10, default="campaign", help_text="`OrgSettings.split` when it was made"
    )
    own_control = models.BooleanField(default=False)
    analytics_campaign = models.CharField(max_length=60, blank=True)
    analytics_source = models.CharField(max_length=60, blank=True)
    created_by = models.ForeignKey("orgs.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)
    first_approved_at = models.DateTimeField(
        null=True, blank=True, help_text="Locks the goal and most fields (C-06, G-07)"
    )
    simulated = models.BooleanField(default=False, help_text="Made by the demo loader (decisions 27)")
    revision = models.IntegerField(default=1)

    objects = UnitOwnedQuerySet["Campaign"].as_manager()

    class Meta:
        ordering = ["-start_on", "-id"]
        indexes = [
            models.Index(fields=["org", "-updated_at"], name="campaign_updated"),
            models.Index(fields=["org", "start_on", "end_on"], name="campaign_dates"),
        ]

    def __str__(self) -> str:
        return self.name

    def status(self, today: date) -> Campaign.Status:
        """By Org time; `today` is the calendar day there."""
        if today < self.start_on:
            return self.Status.UPCOMING
        return self.Status.LIVE if today <= self.end_on else self.Status.LAPSED

    def starts_at(self, zone: ZoneInfo) -> datetime:
        return datetime.combine(self.start_on, time.min, zone)

    def ends_at(self, zone: ZoneInfo) -> datetime:
        """The first instant after the campaign: 00:00 of the day after its end date."""
        return datetime.combine(self.end_on + timedelta(days=1), time.min, zone)
