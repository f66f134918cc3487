"""Colleagues who get tests or copies, and what was sent to them (C-15, C-48, T-27)."""

from __future__ import annotations

from django.db import models

from audiences.models import Channel
from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet


class TestContact(Owned):
    """An address that tests may go to, with the group it is addressed by. `address` is the channel's normal form."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    name = models.CharField(max_length=60)
    channel = models.CharField(max_length=8, choices=Channel)
    address = models.CharField(max_length=254)
    group = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()

    objects = OwnedQuerySet["TestContact"].as_manager()

    class Meta:
        ordering = ["group", "name"]
        constraints = [
            models.UniqueConstraint(fields=["org", "channel", "address"], name="test_contact_once")
        ]

    def __str__(self) -> str:
        return self.name


class BrandContact(Owned):
    """A colleague in a brand group, which messages name to send it a copy. `address` as of a test contact."""

    name = models.CharField(max_length=60)
    channel = models.CharField(max_length=8, choices=Channel)
    address = models.CharField(max_length=254)
    group = models.CharField(max_length=40)
    created_at = models.DateTimeField()

    objects = OwnedQuerySet["BrandContact"].as_manager()

    class Meta:
        ordering = ["group", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["org", "group", "channel", "address"], name="brand_contact_once_in_group"
            )
        ]

    def __str__(self) -> str:
        return self.name


class TestSend(Owned):
    """One test to one address: counts in no metric; the rows of 24 hours are a member's allowance.

    `begun_at` is written before the hand-over, so a doubled bell sends nothing twice; without `finished_at` the answer
    is not known.
    """

    __test__ = False

    message = TenantForeignKey("campaigns.Message", on_delete=models.CASCADE)
    user = models.ForeignKey("orgs.User", on_delete=models.PROTECT, related_name="+")
    address = models.CharField(max_length=254)
    customer_id = models.BigIntegerField(null=True, blank=True, help_text="Whose values it was rendered with")
    values = models.JSONField(default=dict, blank=True, help_text="Values that were typed instead, by tag")
    at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=300, blank=True, help_text="Why it was not taken; empty: it was")

    objects = OwnedQuerySet["TestSend"].as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["org", "user", "-at"], name="test_send_allowance")]

    def __str__(self) -> str:
        return f"test of message {self.message_id}"


class BrandCopy(Owned):
    """A copy of what a run sends to one colleague of a brand group: counts in no metric (M-02).

    `begun_at` and `finished_at` as of a test.
    """

    run = TenantForeignKey("campaigns.Run", on_delete=models.CASCADE, related_name="copies")
    address = models.CharField(max_length=254)
    begun_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=300, blank=True, help_text="Why it was not taken; empty: it was")

    objects = OwnedQuerySet["BrandCopy"].as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["org", "run", "address"], name="brand_copy_once_a_run")
        ]

    def __str__(self) -> str:
        return f"copy of run {self.run_id}"
