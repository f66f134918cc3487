"""Fields that know about tenants."""

from __future__ import annotations

from typing import Any

from django.db import models


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """A reference between two small tenant tables.

    PostgreSQL checks foreign keys past row-level security, so a plain one would let one tenant point at another's
    row. Django gets its column and joins; the constraint `(org_id, x_id) → (org_id, id)` is made by the migration
    operation `SecureTenant`.
    """

    def __init__(self, to: Any, on_delete: Any = models.PROTECT, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs.setdefault("related_name", "+")
        super().__init__(to, on_delete=on_delete, **kwargs)


class CustomerObject(models.ForeignObject):  # type: ignore[type-arg]  # not subscriptable at run time
    """The join from a big table's `(org_id, customer_id)` to its customer. Adds no column and no constraint."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("to", "audiences.Customer")
        kwargs.setdefault("on_delete", models.DO_NOTHING)
        kwargs.setdefault("from_fields", ["org_id", "customer_id"])
        kwargs.setdefault("to_fields", ["org_id", "id"])
        kwargs.setdefault("related_name", "+")
        super().__init__(*args, **kwargs)
