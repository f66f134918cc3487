"""An org is a tenant; a unit is a part of it (brand, country, franchise)."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from engage.orgs.rights import RIGHTS
from engage.orgs.tenancy import Owned, OwnedQuerySet


class Org(models.Model):
    """One tenant. Only what must be known before its context opens; everything else is in `OrgSettings`."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    # Set by the door of a request, for the pages; a row of its own behind the org's policy.
    settings: OrgSettings

    class Meta:
        default_permissions = ()
        permissions = RIGHTS

    def __str__(self) -> str:
        return self.name


class Switch(models.TextChoices):
    """Features an org admin turns on and off (T-22). The value is the field's name in `OrgSettings`."""

    GOALS = "goals", "Conversion goals"
    LINK_TRACKING = "link_tracking", "Link tracking"
    OPEN_TRACKING = "open_tracking", "Open tracking"
    TEMPLATE_LOGIC = "template_logic", "Templating logic"
    SERVICE_CLASS = "service_class", "Service-class messages"
    SEND_TO_CONTROL = "send_to_control", "Send to control"
    SELF_APPROVAL = "self_approval", "Self-approval"


class UnsetConsent(models.TextChoices):
    """What a customer who never said yes or no counts as (T-24)."""

    YES = "yes", "Yes"
    NO = "no", "No"
    DOUBLE_OPT_IN = "double_opt_in", "Only after double opt-in"


class ControlSplit(models.TextChoices):
    """What decides who is held out (A-40)."""

    CAMPAIGN = "campaign", "Anew for each campaign"
    ORG = "org", "One group for the whole organisation"


class NumberFormat(models.TextChoices):
    ENGLISH = "en", "1,234,567.89"
    INDIAN = "in", "12,34,567.89"
    EUROPEAN = "eu", "1.234.567,89"


class OrgSettings(Owned):
    """Settings and defaults of an org (T-24). One row an org; shares are per mille, times are Org time."""

    legal_name = models.CharField(max_length=200, blank=True)
    postal_address = models.TextField(max_length=500, blank=True)
    time_zone = models.CharField(max_length=60, default="UTC")
    currency = models.CharField(max_length=3, default="EUR")
    language = models.CharField(max_length=10, default="en")
    number_format = models.CharField(max_length=2, choices=NumberFormat, default=NumberFormat.ENGLISH)
    week_start = models.SmallIntegerField(default=6, help_text="0 is Monday, 6 is Sunday")
    quiet_from = models.TimeField(default=time(21, 0))
    quiet_until = models.TimeField(default=time(9, 0), help_text="Equal times switch quiet hours off")
    control_permille = models.SmallIntegerField(
        default=100, validators=[MinValueValidator(0), MaxValueValidator(500)]
    )
    control_split = models.CharField(max_length=10, choices=ControlSplit, default=ControlSplit.CAMPAIGN)
    # Counts the drawings of the org's one group (T-25); a campaign keeps the one it was made under.
    split_version = models.SmallIntegerField(default=1)
    missed_grace_minutes = models.SmallIntegerField(
        default=60, validators=[MinValueValidator(0), MaxValueValidator(240)]
    )
    guard_percent = models.SmallIntegerField(default=20)
    guard_customers = models.IntegerField(default=100)
    large_send = models.IntegerField(default=50_000)
    test_sends_per_day = models.SmallIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    one_send_per_address = models.BooleanField(default=True)
    unset_promotional = models.CharField(max_length=20, choices=UnsetConsent, default=UnsetConsent.YES)
    unset_service = models.CharField(max_length=20, choices=UnsetConsent, default=UnsetConsent.YES)
    upload_megabytes = models.SmallIntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(200)]
    )
    incremental_floor = models.BooleanField(default=False)
    estimate_share_permille = models.SmallIntegerField(null=True, blank=True)
    second_factor = models.CharField(
        max_length=10,
        default="optional",
        choices=[("optional", "Optional"), ("approvers", "Approvers"), ("everyone", "Everyone")],
    )
    notify_approval = models.TextField(blank=True, help_text="Addresses, one a line")
    notify_sent = models.TextField(blank=True)
    notify_failed = models.TextField(blank=True)

    goals = models.BooleanField(default=True)
    link_tracking = models.BooleanField(default=True)
    open_tracking = models.BooleanField(default=True)
    template_logic = models.BooleanField(default=False)
    service_class = models.BooleanField(default=False)
    send_to_control = models.BooleanField(default=False)
    self_approval = models.BooleanField(default=False)
    # Turning self-approval on needs a second admin where there is one (C-28): who asked, until then.
    self_approval_asked_by = models.ForeignKey(
        "orgs.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    sending_halted_at = models.DateTimeField(null=True, blank=True)
    halted_reason = models.CharField(max_length=200, blank=True)
    revision = models.IntegerField(default=1)

    objects = OwnedQuerySet["OrgSettings"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org"], name="one_settings_row_an_org")]

    def __str__(self) -> str:
        return f"settings of org {self.org_id}"

    @property
    def split(self) -> str:
        """What a campaign made now draws its groups from (A-40): itself, or a drawing of the org's one group."""
        return (
            f"org:{self.split_version}"
            if self.control_split == ControlSplit.ORG
            else ControlSplit.CAMPAIGN.value
        )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def today(self, at: datetime) -> date:
        """The calendar day in Org time."""
        return at.astimezone(self.zone).date()


class OrgUnit(Owned):
    """A part of an org, one level deep (T-02). The code is fixed once used."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"

    name = models.CharField(max_length=100)
    code = models.SlugField(max_length=30)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    created_at = models.DateTimeField()

    objects = OwnedQuerySet["OrgUnit"].as_manager()

    class Meta:
        default_permissions = ()
        permissions = RIGHTS
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["org", "code"], name="unit_code_once_in_org")]

    def __str__(self) -> str:
        return self.name
