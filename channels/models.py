"""The identity a channel sends as."""

from __future__ import annotations

from django.db import models

from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet, UnitOwnedQuerySet


class Sender(Owned):
    """An address, SMS header, … with the adapter that hands over for it (H-30).

    `secret` is encrypted and never shown again. `hook_secret` (encrypted too) signs the provider's webhooks;
    without one none is believed (Q-22). `hook_hash` is the SHA-256 of the token in the webhook's address.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        SMS = "sms", "SMS"

    class Status(models.TextChoices):
        UNVERIFIED = "unverified", "Unverified"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        FAILING = "failing", "Failing"

    unit = TenantForeignKey("orgs.OrgUnit", null=True, blank=True)
    channel = models.CharField(max_length=8, choices=Channel)
    name = models.CharField(max_length=60)
    identity = models.CharField(max_length=254, help_text="E-mail address or SMS header")
    display_name = models.CharField(max_length=100, blank=True)
    reply_to = models.CharField(max_length=254, blank=True)
    adapter = models.CharField(max_length=30)
    config = models.JSONField(default=dict, blank=True)
    secret = models.TextField(blank=True)
    hook_secret = models.TextField(blank=True)
    hook_hash = models.CharField(max_length=64, blank=True)
    time_zone = models.CharField(max_length=60, blank=True, help_text="Empty: the org's")
    status = models.CharField(max_length=10, choices=Status, default=Status.UNVERIFIED)
    status_reason = models.CharField(max_length=300, blank=True)
    is_default = models.BooleanField(default=False)
    per_second = models.IntegerField(null=True, blank=True)
    per_day = models.IntegerField(null=True, blank=True)
    shared_units = models.JSONField(
        default=list, blank=True, help_text="Unit ids it is shared with; ['*'] is all"
    )
    backing_off_until = models.DateTimeField(null=True, blank=True)
    last_failure = models.CharField(max_length=300, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    revision = models.IntegerField(default=1)

    objects = UnitOwnedQuerySet["Sender"].as_manager()

    class Meta:
        ordering = ["channel", "name"]

    def __str__(self) -> str:
        return f"{self.name} <{self.identity}>"


class ReplyWords(Owned):
    """An org's further words for opting out, in, and for help, in one language, and what help answers (H-38).

    Words are separated by commas. STOP, START, HELP and their like always count.
    """

    language = models.CharField(max_length=10)
    opt_out = models.CharField(max_length=300, blank=True)
    opt_in = models.CharField(max_length=300, blank=True)
    help = models.CharField(max_length=300, blank=True)
    help_text = models.CharField(max_length=459, blank=True)

    objects = OwnedQuerySet["ReplyWords"].as_manager()

    class Meta:
        ordering = ["language"]
        verbose_name_plural = "reply words"
        constraints = [
            models.UniqueConstraint(fields=["org", "language"], name="reply_words_once_a_language")
        ]

    def __str__(self) -> str:
        return f"reply words in {self.language}"
