"""A message as a customer would get it, through the compiler that the send uses (H-10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.db import connection
from django.utils.translation import gettext_lazy as _

from audiences import selection
from audiences.models import Channel, Customer
from campaigns import compiling, merge_sql, versions
from campaigns.body import Body, Content
from campaigns.models import Message
from channels.merge import ContentRefused
from channels.rendering import Compiled, Preview
from channels.sms.compile import CompiledSms
from channels.tags import Tag
from engage.orgs.models import OrgSettings

FAMILIES: Final = {
    "customer": _("Customer"),
    "attribute": _("Attributes"),
    "list": _("The uploaded list"),
    "store": _("Store"),
    "campaign": _("Campaign"),
    "org": _("Company"),
    "sender": _("Sender"),
    "unsubscribe": _("Unsubscribe"),
}
# Missing names, then the longest ones: what goes wrong shows first.
_WORST_FIRST = """
SELECT c.id FROM ({chosen}) s JOIN audiences_customer c ON c.org_id = %(org)s AND c.id = s.customer_id
WHERE s.place = '' ORDER BY c.first_name IS NOT NULL, length(c.first_name) DESC, c.id LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Shown:
    """What a preview shows. `problems` instead of a preview where the content does not compile."""

    preview: Preview | None
    problems: list[str] = field(default_factory=list)
    removed: tuple[str, ...] = ()
    missing: str = ""
    sender: str = ""
    channel: str = ""


def of_body(message: Message, body: Body, settings: OrgSettings, customer_id: int | None) -> Shown:
    """The first content with the values of one customer; None fills the tags with their samples."""
    sender = _sender(body)
    if not body.contents:
        return Shown(None, ["There is no content yet."], sender=sender, channel=body.channel)
    try:
        compiled = versions.compile_one(message, body.contents[0], body)
    except ContentRefused as refused:
        return Shown(
            None, [problem.text for problem in refused.problems], sender=sender, channel=body.channel
        )
    values = _values(message, body, settings, compiled, customer_id)
    return Shown(
        compiled.preview(values),
        removed=compiled.removed,
        missing=compiled.problem(values) or "",
        sender=sender,
        channel=body.channel,
    )


# Content that skips nobody, where there is none yet.
_STAND_IN: Final = {
    Channel.EMAIL: {"subject": "-", "preview": "", "html": '<a href="{{ unsubscribe }}">-</a>', "text": ""},
    Channel.SMS: {"text": "{{ unsubscribe }}", "allow_unicode": ""},
}


def countable(message: Message, settings: OrgSettings) -> Body | None:
    """The body as its people can be counted, before there is content too; None without an audience or a sender."""
    body = versions.outline(message, message.campaign, settings)
    if not body.sender.id or all(audience.exclude for audience in body.audiences):
        return None
    try:
        ready = versions.build(message, message.campaign, settings)
    except ContentRefused:
        ready = body
    else:
        if ready.contents:
            return ready
    fields = _STAND_IN[Channel(body.channel)]
    return replace(ready, contents=[Content(0, 0, body.channel, dict(fields), [])])


def _sender(body: Body) -> str:
    """As the customer's own device names it."""
    facts = body.sender
    if body.channel != Channel.EMAIL or not facts.identity:
        return facts.identity
    return f"{facts.display_name} <{facts.identity}>" if facts.display_name else facts.identity


def _values(
    message: Message, body: Body, settings: OrgSettings, compiled: Compiled, customer_id: int | None
) -> list[str | None]:
    included = compiling.audience_versions(message.org_id, body, exclude=False)
    if customer_id is not None:
        return merge_sql.values(
            message.org_id, compiled.slots, included, customer_id=customer_id, zone=settings.time_zone
        )
    tags = merge_sql.catalogue(message.org_id, included)
    return [tags[slot].sample if slot in tags else None for slot in compiled.slots]


def grouped(tags: Mapping[str, Tag]) -> list[tuple[str, list[Tag]]]:
    """The tags by family, as the page offers them."""
    families: dict[str, list[Tag]] = {}
    for tag in sorted(tags.values(), key=lambda one: one.label):
        families.setdefault(str(FAMILIES.get(tag.name.partition(".")[0], _("Other"))), []).append(tag)
    return sorted(families.items())


def removed(compiled: Iterable[Compiled | ContentRefused]) -> list[str]:
    """What foreign HTML lost (H-13)."""
    return [what for one in compiled if not isinstance(one, ContentRefused) for what in one.removed]


@dataclass(frozen=True)
class Segments:
    """The segments of a text message over real customers (H-26)."""

    encoding: str
    forced_by: str
    least: int
    typical: int
    most: int


def segments(
    message: Message,
    body: Body,
    settings: OrgSettings,
    compiled: Sequence[Compiled | ContentRefused],
    customers: Sequence[Customer],
) -> Segments | None:
    """None for other channels, and for content that does not compile."""
    text = next((one for one in compiled if isinstance(one, CompiledSms)), None)
    if text is None:
        return None
    ids: list[int | None] = [customer.id for customer in customers]
    counts = sorted(
        (text.counted(_values(message, body, settings, text, pk)) for pk in ids or [None]),
        key=lambda count: count.segments,
    )
    unicode = next((count for count in counts if count.forced_by), counts[0])
    return Segments(
        encoding=unicode.encoding,
        forced_by=unicode.forced_by,
        least=counts[0].segments,
        typical=counts[len(counts) // 2].segments,
        most=counts[-1].segments,
    )


def customers_of(message: Message, body: Body, settings: OrgSettings, *, limit: int = 10) -> list[Customer]:
    """A few real customers of the audience to step through, those with missing names first (H-10)."""
    included = compiling.audience_versions(message.org_id, body, exclude=False)
    if not included:
        return []
    excluded = compiling.audience_versions(message.org_id, body, exclude=True)
    chosen = selection.select(message.org, settings, included, excluded, body.unit, message.updated_at)
    with connection.cursor() as cursor:
        cursor.execute(
            _WORST_FIRST.format(chosen=chosen.sql), {**chosen.params, "org": message.org_id, "limit": limit}
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(Customer.objects.for_org(message.org_id).filter(id__in=ids))
