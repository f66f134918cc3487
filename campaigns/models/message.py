"""What a campaign sends, and the versions of it that people read and approved."""

from __future__ import annotations

from django.db import models

from audiences.models import Channel, MessageClass
from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet


class Message(Owned):
    """Audience, content, schedule and delivery settings. `status` is assigned in `campaigns.lifecycle` only."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        AWAITING = "awaiting", "Awaiting approval"
        REJECTED = "rejected", "Rejected"
        SCHEDULED = "scheduled", "Scheduled"
        PREPARING = "preparing", "Preparing"
        SENDING = "sending", "Sending"
        PAUSED = "paused", "Paused"
        BLOCKED = "blocked", "Blocked"
        STOPPED = "stopped", "Stopped"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"

    class Mode(models.TextChoices):
        IMMEDIATE = "immediate", "Immediately after approval"
        DATED = "dated", "At a date and time"

    class Strategy(models.TextChoices):
        SINGLE = "single", "Single"

    class Freeze(models.TextChoices):
        AT_RUN = "at_run", "When the run is prepared"
        AT_APPROVAL = "at_approval", "At approval"

    campaign = TenantForeignKey("campaigns.Campaign", on_delete=models.CASCADE, related_name="messages")
    title = models.CharField(max_length=100)
    message_class = models.CharField(max_length=12, default="promotional")
    strategy = models.CharField(max_length=10, choices=Strategy, default=Strategy.SINGLE)
    channel = models.CharField(max_length=8, default="email")
    sender = TenantForeignKey("channels.Sender", null=True, blank=True)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.IMMEDIATE)
    send_on = models.DateField(null=True, blank=True)
    send_time = models.TimeField(null=True, blank=True)
    zone = models.CharField(max_length=60, help_text="The schedule keeps the zone it was made in (T-24)")
    short_links = models.BooleanField(default=True)
    track_links = models.BooleanField(default=True)
    send_to_control = models.BooleanField(default=False)
    ignore_limits = models.BooleanField(default=False)
    freeze_audience = models.CharField(max_length=12, choices=Freeze, default=Freeze.AT_RUN)
    copy_group = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="The brand group whose members get a copy (C-15)",
    )
    throttle_per_hour = models.IntegerField(
        null=True, blank=True, help_text="None: as fast as its sender (C-41)"
    )
    throttle_from = models.TimeField(null=True, blank=True, help_text="Org time; None: all day")
    throttle_until = models.TimeField(null=True, blank=True)
    typed_recipients = models.BigIntegerField(
        null=True, blank=True, help_text="The number somebody typed to pass the large-send guard (C-25)"
    )

    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    status_at = models.DateTimeField()
    status_reason = models.CharField(
        max_length=1000, blank=True, help_text="A code or words: why it is in this state"
    )
    paused_from = models.CharField(
        max_length=10, blank=True, help_text="Where resume or continue goes back to"
    )
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When Scheduled: the instant of the next run"
    )
    hold_until = models.DateTimeField(null=True, blank=True, help_text="Nothing starts before (C-34)")
    approved_version = TenantForeignKey("campaigns.MessageVersion", null=True, blank=True)
    approved_count = models.BigIntegerField(
        null=True, blank=True, help_text="Targeted when it was approved (C-39)"
    )
    run = TenantForeignKey("campaigns.Run", null=True, blank=True, help_text="The open or the last run")

    created_by = models.ForeignKey("orgs.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    revision = models.IntegerField(default=1)

    objects = OwnedQuerySet["Message"].as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["org", "campaign", "title"], name="message_title_once_in_campaign"),
            models.CheckConstraint(
                name="message_status_known",
                condition=models.Q(
                    status__in=[
                        "draft", "awaiting", "rejected", "scheduled", "preparing", "sending",
                        "paused", "blocked", "stopped", "completed", "failed",
                    ]
                ),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["org", "status", "due_at"], name="message_by_status"),
            models.Index(fields=["org", "-updated_at"], name="message_updated"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def channel_label(self) -> str:
        return str(Channel(self.channel).label)

    @property
    def class_label(self) -> str:
        return str(MessageClass(self.message_class).label)

    @property
    def recurring(self) -> bool:
        """Whether it has more than one run."""
        return self.mode not in {self.Mode.IMMEDIATE, self.Mode.DATED}


class MessageAudience(Owned):
    """An audience that a message includes or excludes."""

    message = TenantForeignKey(Message, on_delete=models.CASCADE, related_name="audiences")
    audience = TenantForeignKey("audiences.Audience", on_delete=models.PROTECT)
    exclude = models.BooleanField(default=False)
    pinned = TenantForeignKey(
        "audiences.AudienceVersion",
        null=True,
        blank=True,
        help_text="What was submitted (A-43); None while it is a draft, which follows the current version",
    )
    held = TenantForeignKey(
        "audiences.AudienceVersion",
        null=True,
        blank=True,
        help_text="Who was in a filter at approval, for messages that read their list then (A-44)",
    )

    objects = OwnedQuerySet["MessageAudience"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["org", "message", "audience"], name="message_uses_audience_once")
        ]

    def __str__(self) -> str:
        return f"audience {self.audience_id} of message {self.message_id}"


class MessageContent(Owned):
    """The content of one slot and variant. Single strategy: slot 0, variant 0.

    `fields` by channel: e-mail {subject, preview, html, text}; SMS {text, allow_unicode}.
    """

    message = TenantForeignKey(Message, on_delete=models.CASCADE, related_name="contents")
    slot = models.SmallIntegerField(default=0)
    variant = models.SmallIntegerField(default=0)
    channel = models.CharField(max_length=8)
    fields = models.JSONField(default=dict)

    objects = OwnedQuerySet["MessageContent"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "message", "channel", "slot", "variant"], name="message_content_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} content of message {self.message_id}"


class MessageEdit(Owned):
    """Who changed what of a message, or of what it sends, since when: the four eyes read it (C-28)."""

    message = TenantForeignKey(Message, on_delete=models.CASCADE, related_name="edits")
    user = models.ForeignKey("orgs.User", on_delete=models.PROTECT, related_name="+")
    section = models.CharField(max_length=20)
    at = models.DateTimeField()
    # The approval that looked at this edit; None since the last one. Set under the message's lock, so an edit that
    # races an approval is never taken for one that was seen.
    approved_in = TenantForeignKey(
        "campaigns.MessageVersion", on_delete=models.SET_NULL, null=True, blank=True
    )

    objects = OwnedQuerySet["MessageEdit"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["org", "message", "-at"], name="message_edits")]

    def __str__(self) -> str:
        return f"{self.section} of message {self.message_id}"


class MessageVersion(Owned):
    """What was submitted, as canonical JSON, and what was decided about it. The body never changes (decisions 19).

    The send reads content and schedule from here only.
    """

    class Decision(models.TextChoices):
        WAITING = "waiting", "Waiting"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"
        VOID = "void", "Void"

    message = TenantForeignKey(Message, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    body = models.TextField(help_text="Canonical JSON: sorted keys, integers and strings only, UTC instants")
    hash = models.CharField(max_length=70)
    targeted = models.BigIntegerField(null=True, blank=True)
    submitted_by = models.ForeignKey("orgs.User", on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.WAITING)
    decided_by = models.ForeignKey("orgs.User", null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    self_approved = models.BooleanField(default=False)
    reminded_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet["MessageVersion"].as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["org", "message", "number"], name="message_version_once")
        ]

    def __str__(self) -> str:
        return f"version {self.number} of message {self.message_id}"


class Link(Owned):
    """A tracked link of a version: tokens carry its number, never an address (H-20)."""

    version = TenantForeignKey(MessageVersion, on_delete=models.CASCADE, related_name="links")
    number = models.SmallIntegerField()
    target = models.TextField()

    objects = OwnedQuerySet["Link"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "version", "number"], name="link_number_once")]

    def __str__(self) -> str:
        return self.target
