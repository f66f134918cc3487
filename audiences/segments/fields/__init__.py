"""The fields that this app owns (A-29); `register_all` puts them into the catalogue once."""

from __future__ import annotations

from audiences.segments import registry
from audiences.segments.fields import attributes, contact, membership, products, profile, purchases


def register_all() -> None:
    """Called when the app is ready."""
    registry.register(
        *profile.FIELDS, *contact.FIELDS, *membership.FIELDS, *purchases.FIELDS, *products.FIELDS
    )
    registry.register_family("attribute", attributes.find, attributes.every)
