"""What every number means, said once and shown beside it everywhere (M-01)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Definition:
    label: str
    formula: str
    population: str


DEFINITIONS: Final = {
    "contacted": Definition(
        "Contacted customers",
        "Distinct test customers with a Sent row. A later bounce does not undo it.",
        "Test customers of this object",
    ),
    "sent": Definition("Messages sent", "Rows that the provider accepted.", "All rows, any group"),
    "delivered": Definition("Delivered", "Sent rows whose reports say that they arrived.", "Sent rows"),
    "not_delivered": Definition(
        "Not delivered", "Accepted by the provider, then failed for good.", "Sent rows"
    ),
    "delivery_rate": Definition(
        "Delivery rate", "100 × delivered / (sent − no report)", "Sent rows with reports"
    ),
    "unsubscribed": Definition(
        "Unsubscribed",
        "Distinct customers who opted out through one of these messages: link, reply or complaint.",
        "Customers of this object",
    ),
    "hit_rate": Definition(
        "Hit rate",
        "100 × customers who bought after their first message, within the campaign's dates / contacted",
        "Contacted test customers",
    ),
    "control_hit_rate": Definition(
        "Control hit rate",
        "The same for held-out customers, from the time at which they would have been sent to",
        "Control customers with a Held out row",
    ),
    "lift": Definition(
        "Lift", "Hit rate − control hit rate, in points, with its 95 % interval", "Both groups"
    ),
    "uplift": Definition("Uplift", "100 × lift / control hit rate", "Both groups"),
    "responder_sales": Definition(
        "Responder sales",
        "Net after returns of the responses, each bill once",
        "Test customers who responded",
    ),
    "average_bill": Definition("Average bill", "Responder sales / responding bills", "Responding bills"),
    "sales_per_responder": Definition(
        "Sales per responder", "Responder sales / responders", "Test customers who responded"
    ),
    "incremental": Definition(
        "Incremental sales",
        "(hit rate − control hit rate) × contacted × sales per responder, with its 95 % interval",
        "Both groups; sent for test, would-send for control",
    ),
    "incremental_per_head": Definition(
        "Incremental by sales per head",
        "Contacted × (sales per contacted customer − sales per control customer)",
        "Both groups",
    ),
    "converted": Definition(
        "Converted customers", "Distinct customers with a purchase that meets the goal", "Test customers"
    ),
    "conversions": Definition("Conversions", "Purchases that meet the goal, each once", "Test customers"),
    "conversion_value": Definition("Conversion value", "Net after returns of the conversions", "Conversions"),
    "conversion_rate": Definition(
        "Conversion rate", "100 × converted customers / customers with the goal's anchor", "Test customers"
    ),
    "open_rate": Definition("Open rate", "100 × rows opened by a person / delivered", "Delivered rows"),
    "click_rate": Definition("Click rate", "100 × rows clicked by a person / delivered", "Delivered rows"),
    "credits": Definition("Credits remaining", "The balance of the credit ledger now", "The organisation"),
}
