"""Goals, and what attribution derives from deliveries and transactions.

Everything but `Goal` and `Progress` is derived: the nightly run rebuilds the same rows from the ledger and the bills.
Indexes of derived rows beside the key do not begin with the org: to the planner, which knows nothing of an org whose
first rows just came, they would look as good as the key, and it would read the whole org for each customer.
"""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from audiences.models.base import OfCustomer
from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet


class Goal(Owned):
    """Which customers bought, as defined, after a message (G-01). Without a campaign: the org's default (G-04)."""

    class Anchor(models.TextChoices):
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        OPENED = "opened", "Opened"
        CLICKED = "clicked", "Clicked"

    class Touch(models.TextChoices):
        FIRST = "first", "First touch"
        LAST = "last", "Last touch"

    class Origin(models.TextChoices):
        ORG_DEFAULT = "org_default", "Org default"
        CUSTOM = "custom", "Custom"

    campaign = TenantForeignKey("campaigns.Campaign", null=True, blank=True, on_delete=models.CASCADE)
    # A list of groups joined by OR, each a list of conditions joined by AND (G-09); see conversions.conditions.
    groups = models.JSONField(default=list, blank=True)
    window_days = models.SmallIntegerField(
        default=15, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    anchor = models.CharField(max_length=10, choices=Anchor, default=Anchor.SENT)
    touch = models.CharField(max_length=5, choices=Touch, default=Touch.LAST)
    origin = models.CharField(max_length=12, choices=Origin, default=Origin.CUSTOM)
    updated_at = models.DateTimeField()
    revision = models.IntegerField(default=1)

    objects = OwnedQuerySet["Goal"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "campaign"], name="one_goal_a_campaign", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"goal of campaign {self.campaign_id}" if self.campaign_id else "default goal"


class Basis(models.IntegerChoices):
    """What a conversion is anchored at."""

    GOAL = 0, "The goal's anchor: the headline, test customers only"
    SLOT = 1, "Sent for test, would-send for control: every comparison (G-21)"


class Attribution(OfCustomer):
    """A transaction that meets a campaign's goal, tied to one Delivery. Partitioned by month of `txn_at`.

    `org_latest` marks, among the campaigns that count the same transaction, the one with the latest anchor (G-18).
    `sent_control`: the Delivery is of a control customer who was really sent to (G-22).
    """

    pk = models.CompositePrimaryKey("org_id", "customer_id", "txn_at", "txn_id", "campaign_id", "basis")
    txn_at = models.DateTimeField()
    txn_id = models.BigIntegerField()
    campaign_id = models.BigIntegerField()
    basis = models.SmallIntegerField(choices=Basis)
    run_on = models.DateField()
    run_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    message_id = models.BigIntegerField()
    channel = models.CharField(max_length=8)
    arm = models.SmallIntegerField()
    sent_control = models.BooleanField(default=False)
    anchor_at = models.DateTimeField()
    net = models.BigIntegerField()
    org_latest = models.BooleanField(default=False)
    derived_at = models.DateTimeField(help_text="The clock of the run that last found it true")

    objects = OwnedQuerySet["Attribution"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["campaign_id", "txn_at"], name="attribution_by_campaign"),
            models.Index(fields=["txn_id"], name="attribution_by_transaction"),
        ]

    def __str__(self) -> str:
        return f"transaction {self.txn_id} for campaign {self.campaign_id}"


class Response(OfCustomer):
    """A sale at or after a customer's first Sent (or would-send) row, within the campaign's dates (M-16).

    Partitioned by month of `txn_at`.
    """

    pk = models.CompositePrimaryKey("org_id", "customer_id", "txn_at", "txn_id", "campaign_id")
    txn_at = models.DateTimeField()
    txn_id = models.BigIntegerField()
    campaign_id = models.BigIntegerField()
    arm = models.SmallIntegerField()
    net = models.BigIntegerField()
    derived_at = models.DateTimeField()

    objects = OwnedQuerySet["Response"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["campaign_id", "txn_at"], name="response_by_campaign"),
            models.Index(fields=["txn_id"], name="response_by_transaction"),
        ]

    def __str__(self) -> str:
        return f"transaction {self.txn_id} answers campaign {self.campaign_id}"


class CampaignCustomer(OfCustomer):
    """What a campaign and a customer had to do with each other: people are counted here (decisions 25).

    `first_at` is the first Sent row's acceptance (test) or the first would-send time (control), None without one;
    `sent_control` a control customer who was really sent to, whose `first_at` then is None: they belong to no arm of a
    comparison (M-24). Where anchors lie so long after their run day that the windows of the goals would not lead to
    them, `late_at` is the last of them and `late_run_on` the first such run day (`conversions.horizon`).
    """

    pk = models.CompositePrimaryKey("org_id", "customer_id", "campaign_id")
    campaign_id = models.BigIntegerField()
    arm = models.SmallIntegerField()
    first_at = models.DateTimeField(null=True)
    sent_control = models.BooleanField(default=False)
    delivered = models.BooleanField(default=False)
    opened = models.BooleanField(default=False)
    clicked = models.BooleanField(default=False)
    late_run_on = models.DateField(null=True)
    late_at = models.DateTimeField(null=True)
    responses = models.IntegerField(default=0)
    response_sales = models.BigIntegerField(default=0)
    conversions = models.IntegerField(default=0)
    conversion_value = models.BigIntegerField(default=0)
    slot_conversions = models.IntegerField(default=0)
    slot_value = models.BigIntegerField(default=0)

    objects = OwnedQuerySet["CampaignCustomer"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["campaign_id", "arm"], name="campaign_customer_by_arm"),
            models.Index(
                fields=["org", "customer_id", "late_at"],
                name="campaign_customer_late",
                condition=models.Q(late_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"customer {self.customer_id} in campaign {self.campaign_id}"


class ArmFigures(Owned):
    """Sums of `CampaignCustomer` by campaign and arm: what reports read. Money in minor units.

    `sales` and `squares` are over responders' sales: n, sum and sum of squares are enough for every interval.
    """

    campaign = TenantForeignKey("campaigns.Campaign", on_delete=models.CASCADE)
    arm = models.SmallIntegerField()
    targeted = models.BigIntegerField(default=0)
    contacted = models.BigIntegerField(default=0)
    sent_control = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    opened = models.BigIntegerField(default=0)
    clicked = models.BigIntegerField(default=0)
    responders = models.BigIntegerField(default=0)
    bills = models.BigIntegerField(default=0)
    sales = models.BigIntegerField(default=0)
    squares = models.DecimalField(max_digits=40, decimal_places=0, default=0)
    converted = models.BigIntegerField(default=0)
    conversions = models.BigIntegerField(default=0)
    conversion_value = models.BigIntegerField(default=0)
    slot_converted = models.BigIntegerField(default=0)
    slot_conversions = models.BigIntegerField(default=0)
    slot_value = models.BigIntegerField(default=0)
    computed_at = models.DateTimeField()

    objects = OwnedQuerySet["ArmFigures"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "campaign", "arm"], name="one_row_an_arm")]

    def __str__(self) -> str:
        return f"arm {self.arm} of campaign {self.campaign_id}"


class Span(Owned):
    """The dates of a campaign that its responses were derived with; a new end date makes them anew (C-07)."""

    campaign = TenantForeignKey("campaigns.Campaign", on_delete=models.CASCADE)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects = OwnedQuerySet["Span"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "campaign"], name="one_span_a_campaign")]

    def __str__(self) -> str:
        return f"dates of campaign {self.campaign_id}"


class Progress(Owned):
    """How far an org's attribution has come: everything that changed before `watermark` is in the figures.

    But for what was not committed then: so the next run looks from `next_since` on.
    """

    watermark = models.DateTimeField()
    next_since = models.DateTimeField()
    ran_at = models.DateTimeField()
    transactions_up_to = models.DateTimeField(null=True)

    objects = OwnedQuerySet["Progress"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org"], name="one_progress_an_org")]

    def __str__(self) -> str:
        return f"attribution of org {self.org_id} up to {self.watermark}"
