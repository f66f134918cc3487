"""A message as a customer would get it, through the compiler that the send uses (H-10)."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import connection

from audiences import selection
from audiences.models import Customer
from campaigns import compiling, merge_sql, versions
from campaigns.body import Body
from campaigns.models import Message
from channels.merge import ContentRefused
from channels.rendering import Compiled, Preview
from engage.orgs.models import OrgSettings

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
    sender = f"{body.sender.display_name} <{body.sender.identity}>" if body.sender.identity else ""
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
