"""Bills and the products on them (A-14). Both tables are partitioned by month of `txn_at`."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from audiences.models.base import OfCustomer
from engage.orgs.tenancy import Owned, OwnedQuerySet


class Transaction(OfCustomer):
    """One bill, sale or return. Money is in minor units of the org's currency; net is after discount, with tax.

    `net_after_returns` is what every number uses (A-35): a sale less its returns so far, 0 when fully returned.
    `received_at` is the server's clock when the record first came, `changed_at` when it or a return of it last
    changed: attribution looks for dirty bills by it. A changed `txn_at` is delete + insert.
    """

    class Kind(models.TextChoices):
        SALE = "sale", "Sale"
        RETURN = "return", "Return"

    pk = models.CompositePrimaryKey("org_id", "customer_id", "txn_at", "id")
    id = models.BigIntegerField()
    txn_at = models.DateTimeField()
    external_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=6, choices=Kind)
    store_id = models.BigIntegerField(null=True)
    gross = models.BigIntegerField(null=True)
    discount = models.BigIntegerField(null=True)
    tax = models.BigIntegerField(null=True)
    net = models.BigIntegerField()
    net_after_returns = models.BigIntegerField()
    fully_returned = models.BooleanField(default=False)
    items = models.IntegerField(default=0)
    source = models.CharField(max_length=40, null=True)
    payment_modes = ArrayField(models.CharField(max_length=40), default=list)
    coupon_codes = ArrayField(models.CharField(max_length=60), default=list)
    custom = models.JSONField(default=dict)
    returns_external_id = models.CharField(max_length=100, null=True)
    received_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = OwnedQuerySet["Transaction"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["org", "changed_at"], name="transaction_changed"),
            models.Index(fields=["org", "store_id", "txn_at"], name="transaction_store"),
        ]

    def __str__(self) -> str:
        return self.external_id


class TransactionLine(OfCustomer):
    """A product on a bill. Price and amount in minor units, quantity in thousandths (weights exist)."""

    pk = models.CompositePrimaryKey("org_id", "customer_id", "txn_at", "txn_id", "line_no")
    txn_at = models.DateTimeField()
    txn_id = models.BigIntegerField()
    line_no = models.SmallIntegerField()
    product_id = models.BigIntegerField()
    quantity = models.BigIntegerField()
    price = models.BigIntegerField(null=True)
    amount = models.BigIntegerField()

    objects = OwnedQuerySet["TransactionLine"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["org", "product_id", "txn_at"], name="line_product")]

    def __str__(self) -> str:
        return f"line {self.line_no} of {self.txn_id}"


class WaitingTransaction(Owned):
    """A bill of a customer not known yet (A-15): kept as it came, joins when the customer arrives."""

    external_id = models.CharField(max_length=100)
    customer_kind = models.CharField(max_length=12)
    customer_key = models.BigIntegerField()
    record = models.JSONField()
    received_at = models.DateTimeField()

    objects = OwnedQuerySet["WaitingTransaction"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "external_id"], name="waiting_bill_once")]
        indexes = [models.Index(fields=["org", "customer_kind", "customer_key"], name="waiting_by_customer")]

    def __str__(self) -> str:
        return self.external_id
