"""From an approved body to content that renders: what the freeze, the lanes, previews and the checklist share."""

from __future__ import annotations

from dataclasses import replace

from audiences.models import AudienceVersion
from campaigns import holding, merge_sql
from campaigns.body import Body, Content
from campaigns.models import Message
from channels.content import compile_content
from channels.protocol import SenderFacts
from channels.rendering import Compiled, RunFacts
from channels.utm import Utm
from engage.orgs.models import Org


def audience_versions(org: Org | int, body: Body, *, exclude: bool) -> list[AudienceVersion]:
    """The pinned versions that the body includes, or those that it excludes, in its order.

    A filter that was read at approval is the list of who was in it then (`holding`).
    """
    held = holding.of(org, body) if body.freeze_audience == Message.Freeze.AT_APPROVAL else {}
    ids = [
        held.get(audience.audience, audience.version)
        for audience in body.audiences
        if bool(audience.exclude) == exclude
    ]
    found = AudienceVersion.objects.for_org(org).in_bulk(ids)
    return [found[pk] for pk in ids]


def run_facts(org: Org, body: Body, *, clock_shift: int = 0) -> RunFacts:
    """What a compiler needs besides content and sender. Reads the catalogue of tags."""
    promotional = body.message_class == "promotional"
    utm = (
        Utm(medium=body.channel, campaign=body.utm_campaign, content=body.title, source=body.utm_source)
        if body.utm_campaign
        else None
    )
    return RunFacts(
        tags=merge_sql.catalogue(org, audience_versions(org, body, exclude=False)),
        constants=body.constants,
        language=body.language,
        currency=body.currency,
        tracking_url=body.tracking_url,
        track_links=bool(body.track_links),
        track_opens=bool(body.track_opens),
        utm=utm,
        promotional=promotional,
        legal_name=body.footer_name,
        postal_address=body.footer_address,
        clock_shift=clock_shift,
    )


def approved_sender(body: Body, live: SenderFacts) -> SenderFacts:
    """The sender as it was approved, with the connection of today."""
    return replace(
        live,
        identity=body.sender.identity,
        display_name=body.sender.display_name,
        reply_to=body.sender.reply_to,
    )


def compiled(content: Content, sender: SenderFacts, facts: RunFacts) -> Compiled:
    """Raises `ContentRefused`."""
    return compile_content(content.channel, content.fields, sender, facts)
