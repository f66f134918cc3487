"""Campaigns, their messages and approvals; runs and the delivery ledger."""

from campaigns.models.campaign import Campaign, Objective
from campaigns.models.delivery import Delivery, DeliveryEvent, ParkedReceipt, ReceiptDay, ShortLink
from campaigns.models.domain import TrackingDomain
from campaigns.models.draft import FormDraft
from campaigns.models.message import (
    Link,
    Message,
    MessageAudience,
    MessageContent,
    MessageEdit,
    MessageVersion,
)
from campaigns.models.run import Allowance, Chunk, Occurrence, Recipient, Retry, Run, Tally
from campaigns.models.testing import BrandContact, BrandCopy, TestContact, TestSend

__all__ = [
    "Allowance",
    "BrandContact",
    "BrandCopy",
    "Campaign",
    "Chunk",
    "Delivery",
    "DeliveryEvent",
    "FormDraft",
    "Link",
    "Message",
    "MessageAudience",
    "MessageContent",
    "MessageEdit",
    "MessageVersion",
    "Objective",
    "Occurrence",
    "ParkedReceipt",
    "ReceiptDay",
    "Recipient",
    "Retry",
    "Run",
    "ShortLink",
    "Tally",
    "TestContact",
    "TestSend",
    "TrackingDomain",
]
