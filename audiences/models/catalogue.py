"""Places and goods: stores in a tree of zones, products in a tree of categories.

A store or product that a transaction names before its own record came is a stub, listed as incomplete (A-15).
"""

from __future__ import annotations

from django.db import models

from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet


class Zone(Owned):
    """A node in the tree of areas. `path` is the codes from the root, `>north>pune>`, for "all below"."""

    code = models.CharField(max_length=60)
    name = models.CharField(max_length=100)
    parent = TenantForeignKey("audiences.Zone", null=True, blank=True)
    path = models.CharField(max_length=400, db_collation="C")

    objects = OwnedQuerySet["Zone"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "code"], name="zone_code_once_in_org")]
        indexes = [models.Index(fields=["org", "path"], name="zone_path")]
        ordering = ["path"]

    def __str__(self) -> str:
        return self.name


class Store(Owned):
    code = models.CharField(max_length=60)
    name = models.CharField(max_length=100)
    zone = TenantForeignKey(Zone, null=True, blank=True)
    unit = TenantForeignKey("orgs.OrgUnit", null=True, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, blank=True)
    online = models.BooleanField(default=False)
    stub = models.BooleanField(default=False)

    objects = OwnedQuerySet["Store"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "code"], name="store_code_once_in_org")]
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name or self.code


class Category(Owned):
    """A node in the tree of categories; a sub-category is a child. Made by the products that name it.

    `code` is the folded names from the root, `grocery>frozen`; `path` the same between `>`, for "all below".
    """

    code = models.CharField(max_length=400)
    name = models.CharField(max_length=120)
    parent = TenantForeignKey("audiences.Category", null=True, blank=True)
    path = models.CharField(max_length=500, db_collation="C")

    objects = OwnedQuerySet["Category"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "code"], name="category_code_once_in_org")]
        indexes = [models.Index(fields=["org", "path"], name="category_path")]
        ordering = ["path"]

    def __str__(self) -> str:
        return self.name


class Product(Owned):
    code = models.CharField(max_length=60)
    name = models.CharField(max_length=200, blank=True)
    brand = models.CharField(max_length=100, blank=True)
    category = TenantForeignKey(Category, null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    stub = models.BooleanField(default=False)

    objects = OwnedQuerySet["Product"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "code"], name="product_code_once_in_org")]
        indexes = [models.Index(fields=["org", "brand"], name="product_brand")]
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name or self.code
