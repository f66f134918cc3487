"""Campaign contact as filter fields (A-29): who was or was not sent, delivered, opened, clicked what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from audiences.models import Channel
from audiences.segments import registry
from audiences.segments.choices import Key, Option, Source, fixed
from audiences.segments.frame import Frame
from audiences.segments.narrowing import narrowed
from audiences.segments.registry import Facet, Field
from audiences.segments.sql import Fragment, Part
from audiences.segments.tree import Condition
from audiences.segments.values import Choice, Did, Operator
from campaigns.models import Campaign, Delivery, Message

GROUP: Final = "Campaigns"
_CONTACTED: Final = f"""SELECT d.customer_id FROM campaigns_delivery d
WHERE d.org_id = %(org)s AND d.state = {Delivery.State.SENT.value} AND d.{{column}} IS NOT NULL
  {{only d.customer_id}}{{narrowed}}
GROUP BY d.customer_id"""


def _campaigns(frame: Frame) -> QuerySet[Campaign]:
    campaigns = Campaign.objects.for_org(frame.org_id)
    return campaigns if frame.access is None else campaigns.visible_to(frame.access)


def _campaign_labels(frame: Frame, keys: Sequence[Key]) -> Mapping[Key, str]:
    return dict(_campaigns(frame).filter(pk__in=keys).values_list("pk", "name"))


def _campaign_search(frame: Frame, text: str) -> list[Option]:
    found = _campaigns(frame).filter(name__icontains=text).order_by("-start_on", "-pk")[:20]
    return [Option(one.pk, one.name, one.start_on.isoformat()) for one in found]


def _messages(frame: Frame) -> QuerySet[Message]:
    messages = Message.objects.for_org(frame.org_id).select_related("campaign")
    return messages.filter(campaign__in=_campaigns(frame))


def _message_label(message: Message) -> str:
    return f"{message.campaign.name}: {message.title}"


def _message_labels(frame: Frame, keys: Sequence[Key]) -> Mapping[Key, str]:
    return {message.pk: _message_label(message) for message in _messages(frame).filter(pk__in=keys)}


def _message_search(frame: Frame, text: str) -> list[Option]:
    messages = _messages(frame)
    found = messages.filter(title__icontains=text) | messages.filter(campaign__name__icontains=text)
    return [Option(message.pk, _message_label(message)) for message in found.order_by("-pk")[:20]]


def _narrow(column: str) -> Callable[[Operator, Any, Frame], Part]:
    def narrow(operator: Operator, value: Any, frame: Frame) -> Part:
        return Part(
            f"d.{column} {'= ANY' if operator.key == 'any_of' else '<> ALL'}(%(value)s)", {"value": value}
        )

    return narrow


def _happened(column: str) -> Callable[[Condition, Frame], Fragment]:
    """`column` is when it happened to a Delivery."""

    def compile_happened(condition: Condition, frame: Frame) -> Fragment:
        part = condition.field.kind.test("{c}.customer_id", condition.operator, None, frame)
        contacts = narrowed(condition, frame, f"d.{column}")
        join = _CONTACTED.replace("{column}", column).replace("{narrowed}", contacts.sql)
        return Fragment(part.sql, {**part.params, **contacts.params}, join)

    return compile_happened


_FACETS: Final = (
    Facet(
        "campaign",
        _("campaign"),
        Choice(Source("campaign", _campaign_labels, _campaign_search, strict=True, numbers=True)),
        _narrow("campaign_id"),
    ),
    Facet(
        "message",
        _("message"),
        Choice(Source("message", _message_labels, _message_search, strict=True, numbers=True)),
        _narrow("message_id"),
    ),
    Facet("channel", _("channel"), Choice(fixed("channel", Channel.choices)), _narrow("channel")),
)


def _field(key: str, label: Any, words: tuple[Any, Any], column: str) -> Field:
    kind = Did(_("did"), _("did not"), *words)
    return Field(key, label, GROUP, kind, _happened(column), _FACETS, dates="LARX", missing=False)


FIELDS: Final = (
    _field(
        "was_sent",
        _("Was sent a message"),
        (_("they were sent a message"), _("they were sent no message")),
        "sent_at",
    ),
    _field(
        "was_delivered",
        _("A message was delivered"),
        (_("a message was delivered"), _("no message was delivered")),
        "delivered_at",
    ),
    _field(
        "opened",
        _("Opened a message"),
        (_("they opened a message"), _("they opened no message")),
        "opened_at",
    ),
    _field(
        "clicked",
        _("Clicked in a message"),
        (_("they clicked in a message"), _("they clicked in no message")),
        "clicked_at",
    ),
)


def register() -> None:
    """Called when the app is ready."""
    registry.register(*FIELDS)
