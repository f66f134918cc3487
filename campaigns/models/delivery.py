"""The ledger: one row appended when a recipient leaves the queue, and the dated facts about it.

Both tables are partitioned by month and have no foreign keys (decisions 4).
"""

from __future__ import annotations

from django.db import models

from audiences.models.base import OfCustomer
from engage.orgs.tenancy import Owned, OwnedQuerySet


class Delivery(OfCustomer):
    """One customer × run × slot, in exactly one final state (C-23). Queued and Handing over have no row here."""

    class State(models.IntegerChoices):
        SENT = 1, "Sent"
        FAILED = 2, "Failed"
        UNCONFIRMED = 3, "Unconfirmed"
        SKIPPED = 4, "Skipped"
        HELD_OUT = 5, "Held out"
        CANCELLED = 6, "Cancelled"

    class Outcome(models.IntegerChoices):
        """Of a Sent row (H-36)."""

        IN_FLIGHT = 1, "In flight"
        DELIVERED = 2, "Delivered"
        NOT_DELIVERED = 3, "Not delivered"
        NO_REPORT = 4, "No report"

    class Arm(models.IntegerChoices):
        TEST = 0, "Test"
        CONTROL = 1, "Control"

    pk = models.CompositePrimaryKey("org_id", "customer_id", "run_on", "run_id", "seq")
    run_on = models.DateField()
    run_id = models.BigIntegerField()
    seq = models.BigIntegerField(
        help_text="The row number; rows without an address at the freeze have negative ones"
    )
    campaign_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    slot = models.SmallIntegerField()
    variant = models.SmallIntegerField()
    arm = models.SmallIntegerField(choices=Arm)
    channel = models.CharField(max_length=8)
    state = models.SmallIntegerField(choices=State)
    reason = models.CharField(max_length=40, blank=True)
    outcome = models.SmallIntegerField(choices=Outcome, null=True)
    outcome_reason = models.CharField(
        max_length=40, blank=True, help_text="Why not delivered, by receipt (H-39)"
    )
    sender_id = models.BigIntegerField(null=True)
    provider_id = models.CharField(max_length=120, null=True)
    address_key = models.BigIntegerField(null=True)
    segments = models.SmallIntegerField(null=True)
    attempt = models.SmallIntegerField(default=1)
    due_at = models.DateTimeField()
    state_at = models.DateTimeField(help_text="When the row got its state; held out: the would-send time")
    sent_at = models.DateTimeField(null=True, help_text="The provider's acceptance")
    delivered_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True, help_text="First open by a person")
    clicked_at = models.DateTimeField(null=True, help_text="First click by a person")
    # Server time when an anchor (sent, delivered, opened, clicked) was last written: attribution finds late ones by it.
    anchors_changed_at = models.DateTimeField()

    objects = OwnedQuerySet["Delivery"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["org", "run_id", "seq"], name="delivery_by_run"),
            models.Index(fields=["org", "anchors_changed_at"], name="delivery_anchors_changed"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} of run {self.run_id}"


class DeliveryEvent(OfCustomer):
    """A dated fact about a Delivery (H-35), kept raw. Repeats change nothing: the provider's event id is in the key."""

    class Kind(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        DEFERRED = "deferred", "Deferred"
        DELIVERED = "delivered", "Delivered"
        OPENED = "opened", "Opened"
        CLICKED = "clicked", "Clicked"
        REPLIED = "replied", "Replied"
        SOFT_BOUNCED = "soft_bounced", "Soft bounced"
        BOUNCED = "bounced", "Bounced"
        UNDELIVERED = "undelivered", "Undelivered"
        EXPIRED = "expired", "Expired"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        COMPLAINED = "complained", "Complained"

    pk = models.CompositePrimaryKey("org_id", "customer_id", "event_on", "run_id", "seq", "event_key")
    event_on = models.DateField(help_text="UTC day of `at`")
    run_on = models.DateField()
    run_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    event_key = models.CharField(max_length=64)
    kind = models.CharField(max_length=12, choices=Kind)
    at = models.DateTimeField(help_text="The provider's time")
    received_at = models.DateTimeField()
    code = models.CharField(max_length=60, blank=True)
    machine = models.BooleanField(default=False)
    link = models.SmallIntegerField(null=True)
    raw = models.TextField(blank=True)

    objects = OwnedQuerySet["DeliveryEvent"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["org", "run_id", "seq"], name="event_by_delivery"),
            # Few of many: who opted out through a delivery is counted here (M-13).
            models.Index(
                fields=["org", "run_id", "customer_id"],
                name="event_opt_outs",
                condition=models.Q(kind__in=["unsubscribed", "complained"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.seq} of run {self.run_id}"


class ParkedReceipt(Owned):
    """A report whose reference is not known (yet); matched later (H-35)."""

    sender_id = models.BigIntegerField()
    event_key = models.CharField(max_length=64)
    reference = models.CharField(max_length=200)
    run_id = models.BigIntegerField(
        null=True, help_text="Of the delivery that the reference names; None: unreadable"
    )
    seq = models.BigIntegerField(null=True)
    body = models.JSONField()
    received_at = models.DateTimeField()
    tries = models.SmallIntegerField(default=0)

    objects = OwnedQuerySet["ParkedReceipt"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["org", "sender_id", "reference", "event_key"], name="parked_once")
        ]
        indexes = [models.Index(fields=["org", "run_id", "seq"], name="parked_by_delivery")]

    def __str__(self) -> str:
        return self.reference


class ReceiptDay(models.Model):
    """What one sender's provider reported on one day (UTC, of arrival), and how late: the dashboard's receipt delay.

    `timed` are reports whose delay means something: those of simulated runs are dated in the past.
    """

    pk = models.CompositePrimaryKey("org_id", "sender_id", "day")
    org = models.ForeignKey(
        "orgs.Org", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    sender_id = models.BigIntegerField()
    day = models.DateField()
    reports = models.BigIntegerField()
    timed = models.BigIntegerField()
    delay_seconds = models.BigIntegerField(help_text="Summed over the timed ones")
    slowest_seconds = models.BigIntegerField()
    last_at = models.DateTimeField()

    objects = OwnedQuerySet["ReceiptDay"].as_manager()

    def __str__(self) -> str:
        return f"reports of sender {self.sender_id} on {self.day}"


class ShortLink(models.Model):
    """A short code in a text message → the delivery and what it is for (H-21). No policy: the code comes first.

    Holds ids only. Written by the commit that announces the message, so a code in somebody's hands always leads
    somewhere. `purpose`: the number of a link, or `channels.tokens.SHORT_UNSUBSCRIBE`.
    """

    code = models.BigIntegerField(primary_key=True)
    org = models.ForeignKey(
        "orgs.Org", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    customer_id = models.BigIntegerField()
    run_on = models.DateField()
    run_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    purpose = models.SmallIntegerField()

    def __str__(self) -> str:
        return f"short link {self.code}"
