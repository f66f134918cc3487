"""One execution of a message: its frozen queue, the chunks that lanes claim, and the counts.

`delivery.md` says why. Recipient, chunk, retry and tally hold `run_id` in every key and belong to the run, not to a
customer; they are written by set-based SQL only.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet


class Run(Owned):
    """An execution. `run_on` is fixed at planning and stands in the key of everything that the run writes."""

    class Status(models.TextChoices):
        PREPARING = "preparing", "Preparing"
        SENDING = "sending", "Sending"
        PAUSED = "paused", "Paused"
        BLOCKED = "blocked", "Blocked"
        STOPPED = "stopped", "Stopped"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        MISSED = "missed", "Missed"

    campaign = TenantForeignKey("campaigns.Campaign", on_delete=models.PROTECT, related_name="runs")
    message = TenantForeignKey("campaigns.Message", on_delete=models.PROTECT, related_name="runs")
    version = TenantForeignKey("campaigns.MessageVersion", on_delete=models.PROTECT)
    run_on = models.DateField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PREPARING)
    reason = models.CharField(max_length=300, blank=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    frozen_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When it became Sending")
    finished_at = models.DateTimeField(null=True, blank=True)
    freeze_owner = models.CharField(max_length=60, blank=True)
    freeze_lease_until = models.DateTimeField(null=True, blank=True)

    # Counts that have no ledger row (decisions 21), with a sample of customers each.
    matched = models.BigIntegerField(default=0)
    excluded = models.BigIntegerField(default=0)
    out_of_unit = models.BigIntegerField(default=0)
    samples = models.JSONField(default=dict)
    targeted_customers = models.BigIntegerField(default=0)
    queue_size = models.BigIntegerField(default=0, help_text="Rows of recipient: the highest seq")

    # Demo only (decisions 27): seconds added to the clock of every instant that the run writes.
    simulated = models.BooleanField(default=False)
    clock_shift = models.BigIntegerField(default=0)

    objects = OwnedQuerySet["Run"].as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["org", "status"], name="run_by_status")]
        constraints = [
            models.CheckConstraint(
                name="clock_shift_only_when_simulated",
                condition=models.Q(clock_shift=0) | models.Q(simulated=True),
            )
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of message {self.message_id}"


class Occurrence(Owned):
    """A time at which a message is to run. Whoever inserts the row starts the run, so there is one (Q-05)."""

    message = TenantForeignKey("campaigns.Message", on_delete=models.CASCADE)
    local_on = models.DateField()
    slot = models.SmallIntegerField(default=0)
    version = TenantForeignKey("campaigns.MessageVersion", on_delete=models.PROTECT)
    run = TenantForeignKey(Run, null=True, blank=True, on_delete=models.PROTECT)
    due_at = models.DateTimeField()
    missed = models.CharField(max_length=20, blank=True, help_text="Why it did not run")
    created_at = models.DateTimeField()

    objects = OwnedQuerySet["Occurrence"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "message", "version", "local_on", "slot"], name="one_run_an_occurrence"
            )
        ]

    def __str__(self) -> str:
        return f"{self.local_on} of message {self.message_id}"


class OfRun(models.Model):
    """A row of a run. No foreign keys: written in bulk, dropped with the run."""

    org = models.ForeignKey(
        "orgs.Org", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    run_id = models.BigIntegerField()

    class Meta:
        abstract = True


class Recipient(OfRun):
    """The frozen queue: immutable, `seq` gap-free from 1 in each run. Partitioned by month of `run_on`."""

    pk = models.CompositePrimaryKey("org_id", "run_on", "run_id", "seq")
    run_on = models.DateField()
    seq = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    slot = models.SmallIntegerField()
    variant = models.SmallIntegerField()
    arm = models.SmallIntegerField(help_text="0 test, 1 control")
    channel = models.CharField(max_length=8)
    address = models.CharField(max_length=254)
    address_key = models.BigIntegerField()
    values = ArrayField(models.TextField(null=True), help_text="Of the content's slots, in their order")
    # Found at the freeze, judged at its turn: a merge value that is missing without a fallback.
    problem = models.CharField(max_length=30, blank=True)
    due_at = models.DateTimeField()

    objects = OwnedQuerySet["Recipient"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["org", "run_on", "run_id", "customer_id", "slot"],
                name="recipient_once_a_run_and_slot",
            )
        ]

    def __str__(self) -> str:
        return f"{self.seq} of run {self.run_id}"


class Chunk(OfRun):
    """Some thousand consecutive `seq` of one zone. A lane owns it by `epoch` until its lease ends.

    `intent_hi`: up to here hand-overs may have begun. It never falls. `done`: its rows that left it, into the ledger
    or into `retry`; so the first `intent_hi - first_seq + 1 - done` rows' worth is in a lane's hands right now.
    """

    pk = models.CompositePrimaryKey("org_id", "run_id", "no")
    no = models.IntegerField()
    run_on = models.DateField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    intent_hi = models.BigIntegerField(help_text="first_seq - 1 before anything is announced")
    done = models.BigIntegerField(default=0)
    owner = models.CharField(max_length=60, blank=True)
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    draining = models.BooleanField(
        default=False, help_text="Its lane has given back what it had not begun, and begins nothing more"
    )
    zone = models.CharField(max_length=60, blank=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(null=True, help_text="When quiet hours begin; None: never")
    closed = models.BooleanField(
        default=False, help_text="Nothing is left to announce, and nothing in a lane's hands"
    )

    objects = OwnedQuerySet["Chunk"].as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["org", "run_id", "not_before"], name="chunk_open", condition=models.Q(closed=False)
            )
        ]

    def __str__(self) -> str:
        return f"chunk {self.no} of run {self.run_id}"


class Retry(OfRun):
    """What was proven not handed over, or released by a person, and waits for its next try.

    `announced` is committed before the first byte; an announced one whose lease died is unconfirmed. It never falls
    back by itself: only the lane that announced it can say that it was not begun.
    """

    pk = models.CompositePrimaryKey("org_id", "run_id", "seq")
    seq = models.BigIntegerField()
    run_on = models.DateField()
    attempt = models.SmallIntegerField(help_text="Tries begun so far")
    not_before = models.DateTimeField()
    reason = models.CharField(max_length=40, blank=True)
    owner = models.CharField(max_length=60, blank=True)
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    announced = models.BooleanField(default=False)
    draining = models.BooleanField(default=False, help_text="As of a chunk: what is announced has begun")

    objects = OwnedQuerySet["Retry"].as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["org", "run_id", "not_before"],
                name="retry_due",
                condition=models.Q(announced=False),
            ),
            models.Index(
                fields=["org", "run_id"], name="retry_announced", condition=models.Q(announced=True)
            ),
        ]

    def __str__(self) -> str:
        return f"retry of {self.seq} of run {self.run_id}"


class Tally(OfRun):
    """Appended differences; every count of M-27 is a sum over a run's few rows. The sweeper folds them.

    `state` 0 is Targeted; the others are `Delivery.State`. `outcome` is 0 where it does not apply.
    """

    pk = models.CompositePrimaryKey("org_id", "run_id", "id")
    id = models.BigIntegerField(help_text="Random; only makes the key (a sequence would be volatile)")
    slot = models.SmallIntegerField()
    channel = models.CharField(max_length=8)
    variant = models.SmallIntegerField()
    arm = models.SmallIntegerField()
    state = models.SmallIntegerField()
    reason = models.CharField(max_length=40, blank=True)
    outcome = models.SmallIntegerField(default=0)
    n = models.BigIntegerField()

    objects = OwnedQuerySet["Tally"].as_manager()

    def __str__(self) -> str:
        return f"{self.n} of run {self.run_id}"


class Allowance(models.Model):
    """What has been used of a day's or a minute's allowance, taken in the intent's transaction (decisions 23)."""

    pk = models.CompositePrimaryKey("org_id", "scope", "bucket")
    org = models.ForeignKey(
        "orgs.Org", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    scope = models.CharField(max_length=40)
    bucket = models.CharField(max_length=20)
    used = models.BigIntegerField(default=0)

    objects = OwnedQuerySet["Allowance"].as_manager()

    def __str__(self) -> str:
        return f"{self.scope} {self.bucket}"
