"""How a customer can be reached, and what they said about it (A-06 to A-11)."""

from __future__ import annotations

from django.db import models

from audiences.models.base import OfCustomer
from engage.orgs.tenancy import OwnedQuerySet


class Channel(models.TextChoices):
    """A channel whose contact points, consent and reachability are kept."""

    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"

    @property
    def contact_kind(self) -> str:
        """The kind of contact point that the channel uses."""
        return {"email": "email", "sms": "phone"}[self.value]


class MessageClass(models.TextChoices):
    PROMOTIONAL = "promotional", "Promotional"
    SERVICE = "service", "Service"


class ContactPoint(OfCustomer):
    """One address of a customer (A-06). One a kind is primary; only it is used.

    `key` is `contacts.address_key` of the normal form `value`: opt-outs and shared addresses are found by it. What
    could not be brought into normal form is kept as it came, in state `invalid`.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        PHONE = "phone", "Phone"

    class State(models.TextChoices):
        """What deliveries and staff taught about the address; the rest of A-10 follows from consent."""

        UNPROVEN = "unproven", "Unable to verify"
        VALID = "valid", "Valid"
        SOFT_BOUNCED = "soft_bounced", "Soft bounced"
        HARD_BOUNCED = "hard_bounced", "Hard bounced"
        INVALID = "invalid", "Invalid"

    pk = models.CompositePrimaryKey("org_id", "customer_id", "kind", "value")
    kind = models.CharField(max_length=5, choices=Kind)
    value = models.CharField(max_length=254)
    key = models.BigIntegerField()
    is_primary = models.BooleanField(default=True)
    state = models.CharField(max_length=12, choices=State, default=State.UNPROVEN)
    soft_bounces = models.SmallIntegerField(default=0)
    soft_bounced_since = models.DateTimeField(null=True)
    state_at = models.DateTimeField()

    objects = OwnedQuerySet["ContactPoint"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "kind", "customer_id"],
                name="one_primary_contact_a_kind",
                condition=models.Q(is_primary=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of customer {self.customer_id}"


class Consent(OfCustomer):
    """History, append-only (A-07): what a customer said on a channel and class, when, and where it came from.

    The value is in the key because a source may correct what it said of a moment.
    """

    class Said(models.TextChoices):
        YES = "yes", "Yes"
        NO = "no", "No"
        UNSET = "unset", "Unset again"

    pk = models.CompositePrimaryKey(
        "org_id", "customer_id", "channel", "message_class", "at", "source", "value"
    )
    channel = models.CharField(max_length=8, choices=Channel)
    message_class = models.CharField(max_length=12, choices=MessageClass)
    at = models.DateTimeField()
    value = models.CharField(max_length=5, choices=Said)
    source = models.CharField(max_length=60)
    received_at = models.DateTimeField()

    objects = OwnedQuerySet["Consent"].as_manager()

    def __str__(self) -> str:
        return f"{self.channel} {self.message_class} of customer {self.customer_id}"


class Subscription(OfCustomer):
    """The newest dated consent of a customer, channel and class: what the gates read."""

    pk = models.CompositePrimaryKey("org_id", "customer_id", "channel", "message_class")
    channel = models.CharField(max_length=8, choices=Channel)
    message_class = models.CharField(max_length=12, choices=MessageClass)
    value = models.BooleanField(null=True)
    at = models.DateTimeField()
    source = models.CharField(max_length=60)

    objects = OwnedQuerySet["Subscription"].as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["org", "channel", "message_class", "value", "customer_id"],
                name="subscription_by_value",
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.message_class} of customer {self.customer_id}"


class AddressOptOut(models.Model):
    """An opted-out address (A-08): binds every customer of the org who has it, also after re-import and erasure.

    Holds the look-up key only, a one-way mark.
    """

    pk = models.CompositePrimaryKey("org_id", "channel", "message_class", "key")
    org = models.ForeignKey(
        "orgs.Org", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    channel = models.CharField(max_length=8, choices=Channel)
    message_class = models.CharField(max_length=12, choices=MessageClass)
    key = models.BigIntegerField()
    at = models.DateTimeField()
    source = models.CharField(max_length=60)

    objects = OwnedQuerySet["AddressOptOut"].as_manager()

    def __str__(self) -> str:
        return f"opt-out on {self.channel}"
