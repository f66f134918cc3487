"""Whom an org knows and what they bought: customers, contact points, consent, transactions, and lists of them."""

from audiences.models.catalogue import Category, Product, Store, Zone
from audiences.models.contact import AddressOptOut, Channel, Consent, ContactPoint, MessageClass, Subscription
from audiences.models.customer import (
    AddressRef,
    Attribute,
    AttributeValue,
    Customer,
    CustomerUnit,
    ExternalRef,
    Profile,
)
from audiences.models.lists import Audience, AudienceVersion, FilterDraft, ListMember
from audiences.models.transaction import Transaction, TransactionLine, WaitingTransaction

__all__ = [
    "AddressOptOut",
    "AddressRef",
    "Attribute",
    "AttributeValue",
    "Audience",
    "AudienceVersion",
    "Category",
    "Channel",
    "Consent",
    "ContactPoint",
    "Customer",
    "CustomerUnit",
    "ExternalRef",
    "FilterDraft",
    "ListMember",
    "MessageClass",
    "Product",
    "Profile",
    "Store",
    "Subscription",
    "Transaction",
    "TransactionLine",
    "WaitingTransaction",
    "Zone",
]
