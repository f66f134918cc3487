"""One message to a colleague, outside any run's queue: a test, or a copy of what goes out.

Marked, untracked, signed for no run: its opt-out changes nothing and no report of it counts (C-15, C-48, M-02).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import IntEnum
from typing import Final

from campaigns import compiling, merge_sql
from campaigns.body import Body
from campaigns.models import ShortLink
from channels import registry
from channels.feed import Batch
from channels.protocol import Outcome, Outgoing, Reason, Result, SenderFacts
from channels.proving import FIXES
from channels.rendering import Compiled
from channels.tokens import NO_RUN, RunSigner

_MARKED_FIELD: Final = {"email": "subject", "sms": "text"}


class Kind(IntEnum):
    """Stands in the message's names where a customer's number would, so that two kinds never share one."""

    TEST = 0
    COPY = 1


def marked(body: Body, mark: str) -> Body:
    """The body with the mark before the subject or the text, and nothing tracked."""
    contents = []
    for content in body.contents:
        name = _MARKED_FIELD[content.channel]
        contents.append(
            replace(content, fields=content.fields | {name: f"{mark} {content.fields.get(name, '')}"})
        )
    return replace(body, contents=contents, track_links=0, track_opens=0)


def sample_values(org_id: int, body: Body, content: Compiled) -> list[str | None]:
    """The tags' samples, as a preview without a customer shows them: nobody's own values."""
    tags = merge_sql.catalogue(org_id, compiling.audience_versions(org_id, body, exclude=False))
    return [tags[slot].sample if slot in tags else None for slot in content.slots]


def write(
    content: Compiled,
    values: Sequence[str | None],
    *,
    org_id: int,
    kind: Kind,
    number: int,
    address: str,
    at: datetime,
) -> Outgoing:
    """Render the message of this number, and store its short links. Part of the transaction that says it has begun."""
    today = at.date()
    render = content.renderer(RunSigner(org=org_id, run_on=today, run=NO_RUN))
    rendered = render(kind, number, address, values, int(at.timestamp()))
    ShortLink.objects.bulk_create(
        (
            ShortLink(
                code=code,
                org_id=org_id,
                customer_id=kind,
                run_on=today,
                run_id=NO_RUN,
                seq=number,
                purpose=purpose,
            )
            for code, purpose in render.short_codes(kind, number)
        ),
        ignore_conflicts=True,
    )
    return Outgoing(number, address, rendered.body, rendered.reference, rendered.reference)


def hand_over(facts: SenderFacts, outgoing: Outgoing) -> str:
    """Send it; why it was not taken, empty when it was. Call outside any transaction."""
    answers: list[Result] = []
    fault = asyncio.run(
        registry.channel_for(facts).send(Batch([outgoing]), lambda _key, result: answers.append(result))
    )
    if answers and answers[0].outcome is Outcome.ACCEPTED:
        return ""
    found = answers[0] if answers else fault
    return FIXES[found.reason if found is not None and found.reason else Reason.UNREACHABLE]
