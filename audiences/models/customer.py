"""A customer, the look-ups that find one, and the wide row that filters read."""

from __future__ import annotations

from decimal import Decimal

from django.db import models

from audiences.models.base import OfCustomer
from engage.orgs.tenancy import Owned, OwnedQuerySet


class Customer(models.Model):
    """A person the org knows, by external id (A-01). All but the external id may be missing.

    `id` comes from the sequence `audiences_customer_id_seq` at intake and never changes. A merged customer stays as a
    row with `merged_into`.
    """

    pk = models.CompositePrimaryKey("org_id", "id")
    org = models.ForeignKey("orgs.Org", on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    id = models.BigIntegerField()
    external_id = models.CharField(max_length=100)
    first_name = models.CharField(max_length=100, null=True)
    last_name = models.CharField(max_length=100, null=True)
    gender = models.CharField(max_length=20, null=True)
    birth_date = models.DateField(null=True)
    anniversary = models.DateField(null=True)
    language = models.CharField(max_length=10, null=True)
    time_zone = models.CharField(max_length=60, null=True)
    country = models.CharField(max_length=2, null=True)
    region = models.CharField(max_length=100, null=True)
    city = models.CharField(max_length=100, null=True)
    # Normal forms for filters and search (`keys.folded`), because lower() is not leakproof under a policy.
    name_norm = models.CharField(max_length=201, null=True, db_collation="C")
    surname_norm = models.CharField(max_length=100, null=True, db_collation="C")
    region_norm = models.CharField(max_length=100, null=True, db_collation="C")
    city_norm = models.CharField(max_length=100, null=True, db_collation="C")
    home_store_id = models.BigIntegerField(null=True)
    registered_at = models.DateTimeField(null=True)
    loyalty_member = models.BooleanField(null=True)
    tier = models.CharField(max_length=60, null=True)
    points = models.BigIntegerField(null=True)
    do_not_disturb = models.BooleanField(default=False)
    merged_into = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = OwnedQuerySet["Customer"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["org", "city_norm"], name="customer_city"),
            models.Index(fields=["org", "registered_at"], name="customer_registered"),
            models.Index(fields=["org", "name_norm"], name="customer_name"),
            models.Index(fields=["org", "surname_norm"], name="customer_surname"),
        ]

    def __str__(self) -> str:
        return self.external_id

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.first_name, self.last_name) if part)


class ExternalRef(models.Model):
    """External id → row, for customers and bills. `key` is the first 8 bytes of sha256(kind, normal form).

    Distributed by `key`; the value beside it settles the (never seen) collision.
    """

    class Kind(models.TextChoices):
        CUSTOMER = "customer", "Customer"
        TRANSACTION = "transaction", "Transaction"
        # The key is of the sale's external id, the value is the return's: the returns of a sale are found before
        # the sale itself came, and in whatever month they lie.
        RETURN = "return", "Return of a sale"

    pk = models.CompositePrimaryKey("org_id", "kind", "key", "value")
    org = models.ForeignKey(
        "orgs.Org", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=12, choices=Kind)
    key = models.BigIntegerField()
    value = models.CharField(max_length=100)
    customer_id = models.BigIntegerField()
    # Of a transaction or return: where its row is.
    txn_at = models.DateTimeField(null=True)
    txn_id = models.BigIntegerField(null=True)

    objects = OwnedQuerySet["ExternalRef"].as_manager()

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class AddressRef(models.Model):
    """Address → customers. Several may share one (T-24, shared contacts)."""

    pk = models.CompositePrimaryKey("org_id", "kind", "key", "customer_id")
    org = models.ForeignKey(
        "orgs.Org", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=10)
    key = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    value = models.CharField(max_length=254)

    objects = OwnedQuerySet["AddressRef"].as_manager()

    def __str__(self) -> str:
        return f"{self.kind} of customer {self.customer_id}"


class CustomerUnit(OfCustomer):
    """A customer belongs to a unit by intake, or by buying at one of its stores (T-05)."""

    pk = models.CompositePrimaryKey("org_id", "customer_id", "unit_id")
    unit_id = models.BigIntegerField()
    by_purchase = models.BooleanField(default=False)

    objects = OwnedQuerySet["CustomerUnit"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["org", "unit_id", "customer_id"], name="customer_unit_by_unit")]

    def __str__(self) -> str:
        return f"customer {self.customer_id} in unit {self.unit_id}"


class Profile(OfCustomer):
    """The wide row that filters read: a customer's purchases as of `computed_at`. Money in minor units.

    Written by intake only (`audiences.profile`), in the transaction that changed a bill. A customer who never bought
    has no row: a missing one reads as 0 transactions (A-33). Fully returned bills count nothing (A-35).
    """

    pk = models.CompositePrimaryKey("org_id", "customer_id")
    first_bought_at = models.DateTimeField(null=True)
    last_bought_at = models.DateTimeField(null=True)
    first_store_id = models.BigIntegerField(null=True)
    last_store_id = models.BigIntegerField(null=True)
    transactions = models.IntegerField(default=0)
    net_total = models.BigIntegerField(default=0)
    computed_at = models.DateTimeField()

    objects = OwnedQuerySet["Profile"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["org", "last_bought_at"], name="profile_last_bought"),
            models.Index(fields=["org", "net_total"], name="profile_net_total"),
        ]

    def __str__(self) -> str:
        return f"profile of customer {self.customer_id}"


class Attribute(Owned):
    """A declared custom attribute (A-04); at most 100 an org. A value of the wrong type is rejected, not coerced."""

    class Type(models.TextChoices):
        TEXT = "text", "Text"
        NUMBER = "number", "Number"
        DATE = "date", "Date"
        DATETIME = "datetime", "Date and time"
        YES_NO = "yes_no", "Yes or no"
        CHOICE = "choice", "Choice"

    key = models.SlugField(max_length=40)
    label = models.CharField(max_length=80)
    type = models.CharField(max_length=10, choices=Type)
    choices = models.JSONField(default=list, blank=True)

    objects = OwnedQuerySet["Attribute"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "key"], name="attribute_key_once_in_org")]
        ordering = ["label"]

    def __str__(self) -> str:
        return self.label


class AttributeValue(OfCustomer):
    """A customer's value of one attribute, in the column of its type. Numbers are in millionths (exact, leakproof)."""

    pk = models.CompositePrimaryKey("org_id", "customer_id", "attribute_id")
    attribute_id = models.BigIntegerField()
    text = models.CharField(max_length=500, null=True)
    text_norm = models.CharField(max_length=500, null=True, db_collation="C")
    number = models.BigIntegerField(null=True)
    instant = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    flag = models.BooleanField(null=True)

    objects = OwnedQuerySet["AttributeValue"].as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["org", "attribute_id", "text_norm", "customer_id"], name="attribute_by_text"
            ),
            models.Index(fields=["org", "attribute_id", "number", "customer_id"], name="attribute_by_number"),
            models.Index(
                fields=["org", "attribute_id", "instant", "customer_id"], name="attribute_by_instant"
            ),
            models.Index(fields=["org", "attribute_id", "day", "customer_id"], name="attribute_by_day"),
            models.Index(fields=["org", "attribute_id", "flag", "customer_id"], name="attribute_by_flag"),
        ]

    def __str__(self) -> str:
        return f"attribute {self.attribute_id} of customer {self.customer_id}"

    @property
    def quantity(self) -> Decimal | None:
        """The number as it was given."""
        return None if self.number is None else Decimal(self.number) / 1_000_000

    @property
    def places(self) -> int:
        """How many decimals the number needs."""
        text = f"{self.number or 0:07d}"[-6:].rstrip("0")
        return len(text)
