"""Colleagues to whom tests go, and the tests themselves (C-48, T-27)."""

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
