"""Campaigns, their messages and approvals; runs and the delivery ledger."""

from campaigns.models.campaign import Campaign, Objective
from campaigns.models.delivery import Delivery, DeliveryEvent, ParkedReceipt
from campaigns.models.message import (
    Link,
    Message,
    MessageAudience,
    MessageContent,
    MessageEdit,
    MessageVersion,
    TestSend,
)
from campaigns.models.run import Allowance, Chunk, Occurrence, Recipient, Retry, Run, Tally

__all__ = [
    "Allowance",
    "Campaign",
    "Chunk",
    "Delivery",
    "DeliveryEvent",
    "Link",
    "Message",
    "MessageAudience",
    "MessageContent",
    "MessageEdit",
    "MessageVersion",
    "Objective",
    "Occurrence",
    "ParkedReceipt",
    "Recipient",
    "Retry",
    "Run",
    "Tally",
    "TestSend",
]
