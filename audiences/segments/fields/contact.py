"""How a customer can be told apart and reached: identifiers, contact points, reachability, subscriptions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _

from audiences import reachability
from audiences.models import Channel, MessageClass
from audiences.segments import dates
from audiences.segments.choices import fixed
from audiences.segments.fields.profile import column
from audiences.segments.registry import Facet, Field
from audiences.segments.sql import Fragment
from audiences.segments.values import Choice, Did, Operator, Text

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition

_PRIMARY: Final = """SELECT contact.customer_id, lower(contact.value) COLLATE "C" AS value
FROM audiences_contactpoint contact
WHERE contact.org_id = %(org)s AND contact.kind = %(contact_kind)s AND contact.is_primary{only contact.customer_id}"""

_REACHABILITY: Final = f"""SELECT customer.id AS customer_id, {reachability.STATE} AS state
FROM audiences_customer customer {reachability.JOINS}
WHERE customer.org_id = %(org)s{{only customer.id}}"""

_SUBSCRIPTION: Final = f"""SELECT customer.id AS customer_id,
       CASE WHEN {reachability.OPTED_OUT} THEN 'no' WHEN subscription.value THEN 'yes' ELSE 'unset' END AS value,
       CASE WHEN {reachability.OPTED_OUT}
            THEN greatest(optout.at, CASE WHEN subscription.value IS FALSE THEN subscription.at END)
            ELSE subscription.at END AS at
FROM audiences_customer customer {reachability.JOINS}
WHERE customer.org_id = %(org)s{{only customer.id}}"""


def _identifier(kind: str) -> Callable[[Condition, Frame], Fragment]:
    """The primary address of a kind, compared as text."""

    def compile_identifier(condition: Condition, frame: Frame) -> Fragment:
        value = (
            _digits(condition.value) if kind == "phone" and condition.value is not None else condition.value
        )
        part = condition.field.kind.test("{c}.value", condition.operator, value, frame)
        return Fragment(part.sql, {**part.params, "contact_kind": kind}, _PRIMARY)

    return compile_identifier


def _digits(value: Any) -> Any:
    """Phone numbers are kept in international form, so what people put between digits is left out."""
    if isinstance(value, list):
        return [_digits(item) for item in value]
    return re.sub(r"[\s().-]", "", value)


def _has_contact(condition: Condition, frame: Frame) -> Fragment:
    kind = Channel(condition.chosen("channel")).contact_kind
    part = condition.field.kind.test("{c}.customer_id", condition.operator, None, frame)
    return Fragment(part.sql, {"contact_kind": kind}, _PRIMARY)


def _reach_params(condition: Condition, frame: Frame) -> dict[str, Any]:
    params = reachability.parameters(frame.settings, condition.chosen("channel"), condition.chosen("class"))
    return {name: value for name, value in params.items() if name not in {"org", "dnd_applies"}}


def _state(condition: Condition, frame: Frame) -> Fragment:
    part = condition.field.kind.test("{c}.state", condition.operator, condition.value, frame)
    return Fragment(part.sql, {**part.params, **_reach_params(condition, frame)}, _REACHABILITY)


def _subscription(condition: Condition, frame: Frame) -> Fragment:
    part = condition.field.kind.test("{c}.value", condition.operator, condition.value, frame)
    where, params = part.sql, {**part.params, **_reach_params(condition, frame)}
    params.pop("unset")
    if condition.when is not None:
        days = dates.span(condition.when.mode, condition.when.value, frame.today, frame.settings.week_start)
        changed = dates.during("{c}.at", days, frame.settings.zone)
        where, params = f"({where}) AND {changed.sql}", params | dict(changed.params)
    return Fragment(where, params, _SUBSCRIPTION)


_PICK: Final = (Operator("any_of", _("is"), "many"),)
_CHANNEL: Final = Facet(
    "channel",
    _("channel"),
    Choice(fixed("channel", Channel.choices), own_operators=_PICK),
    required=True,
    default=Channel.EMAIL,
)
_CLASS: Final = Facet(
    "class",
    _("class"),
    Choice(fixed("class", MessageClass.choices), own_operators=_PICK),
    required=True,
    default=MessageClass.PROMOTIONAL,
)
_STATES: Final = fixed("reachability", list(reachability.LABELS.items()))
_CONSENT: Final = fixed("consent", [("yes", _("Yes")), ("no", _("No")), ("unset", _("Unset"))])

FIELDS: Final = (
    Field(
        "external_id",
        _("External id"),
        "Identifier",
        Text(),
        column('lower(customer.external_id) COLLATE "C"'),
        missing=False,
    ),
    Field("email", _("E-mail address"), "Identifier", Text(), _identifier("email")),
    Field("mobile", _("Mobile number"), "Identifier", Text(), _identifier("phone")),
    Field(
        "contact",
        _("Contact point"),
        "Channels",
        Did(
            _("exists"), _("does not exist"), _("they have a contact point"), _("they have no contact point")
        ),
        _has_contact,
        facets=(_CHANNEL,),
        missing=False,
    ),
    Field(
        "reachability",
        _("Reachability"),
        "Channels",
        Choice(_STATES),
        _state,
        facets=(_CHANNEL, _CLASS),
        missing=False,
    ),
    Field(
        "subscription",
        _("Subscription"),
        "Channels",
        Choice(_CONSENT),
        _subscription,
        facets=(_CHANNEL, _CLASS),
        dates="LAR",
        missing=False,
    ),
)
