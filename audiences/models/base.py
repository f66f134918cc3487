"""What the big tables share: keys that begin with org and customer, so that they can be spread by customer."""

from __future__ import annotations

from django.db import models

from engage.orgs.fields import CustomerObject


class OfCustomer(models.Model):
    """A big table's row: keyed by `(org_id, customer_id, …)`, joined to its customer, written by set-based SQL.

    The org's own foreign key has no constraint: the composite one to the customer says the same.
    """

    org = models.ForeignKey(
        "orgs.Org", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    customer_id = models.BigIntegerField()
    customer = CustomerObject()

    class Meta:
        abstract = True
