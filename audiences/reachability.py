"""Whether a customer can be reached on a channel for a class (A-10), as SQL that filters, freeze and window share.

The fragments expect a row `customer` of `audiences_customer` and these parameters: `org`, `contact_kind`
("email" or "phone"), `channel`, `message_class`, `unset` (what unset consent means: yes, no, double_opt_in),
`dnd_applies` (promotional SMS and call tasks, A-09).
"""

from __future__ import annotations

from typing import Any, Final

from audiences.models import Channel, MessageClass
from engage.orgs.models import OrgSettings

JOINS: Final = """
LEFT JOIN audiences_contactpoint contact
       ON contact.org_id = %(org)s AND contact.customer_id = customer.id
      AND contact.kind = %(contact_kind)s AND contact.is_primary
LEFT JOIN audiences_subscription subscription
       ON subscription.org_id = %(org)s AND subscription.customer_id = customer.id
      AND subscription.channel = %(channel)s AND subscription.message_class = %(message_class)s
LEFT JOIN audiences_addressoptout optout
       ON optout.org_id = %(org)s AND optout.channel = %(channel)s
      AND optout.message_class = %(message_class)s AND optout.key = contact.key
"""

# An opt-out binds the address until this customer says yes at a later date.
OPTED_OUT: Final = """
(subscription.value IS FALSE OR (optout.key IS NOT NULL AND NOT
    (subscription.value IS TRUE AND subscription.at > optout.at)))
"""

# The state of A-10, first line that applies.
STATE: Final = f"""
CASE
    WHEN contact.value IS NULL THEN 'unavailable'
    WHEN contact.state = 'invalid' THEN 'invalid'
    WHEN contact.state = 'hard_bounced' THEN 'hard_bounced'
    WHEN {OPTED_OUT} THEN 'unsubscribed'
    WHEN subscription.value IS NULL AND %(unset)s <> 'yes' THEN 'unsubscribed'
    WHEN contact.state = 'soft_bounced' THEN 'soft_bounced'
    WHEN subscription.value THEN 'subscribed'
    WHEN contact.state = 'valid' THEN 'valid'
    ELSE 'unverified'
END
"""

# The skip reason of A-37 from "no contact point" to "do-not-disturb"; empty where the customer can be reached.
REASON: Final = f"""
CASE
    WHEN contact.value IS NULL THEN 'no_contact'
    WHEN contact.state IN ('invalid', 'hard_bounced') THEN 'invalid_contact'
    WHEN {OPTED_OUT} THEN 'unsubscribed'
    WHEN subscription.value IS NULL AND %(unset)s <> 'yes' THEN 'no_consent'
    WHEN %(dnd_applies)s AND customer.do_not_disturb THEN 'dnd'
    ELSE ''
END
"""

LABELS: Final = {
    "unavailable": "Contact unavailable",
    "invalid": "Invalid",
    "hard_bounced": "Hard bounced",
    "unsubscribed": "Unsubscribed",
    "soft_bounced": "Soft bounced",
    "subscribed": "Subscribed",
    "valid": "Valid",
    "unverified": "Unable to verify",
}
REACHABLE: Final = frozenset({"soft_bounced", "subscribed", "valid", "unverified"})


def parameters(settings: OrgSettings, channel: str, message_class: str) -> dict[str, Any]:
    """The parameters that the fragments name."""
    promotional = message_class == MessageClass.PROMOTIONAL
    return {
        "org": settings.org_id,
        "contact_kind": Channel(channel).contact_kind,
        "channel": channel,
        "message_class": message_class,
        "unset": settings.unset_promotional if promotional else settings.unset_service,
        "dnd_applies": promotional and channel == Channel.SMS,
    }
