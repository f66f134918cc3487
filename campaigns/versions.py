"""What a message says, frozen: from its rows to the canonical body that people approve and the send reads (C-29).

`build` reads everything that decides who gets what and when. A draft follows its audiences' current versions; from
submission on the pinned ones hold (A-43).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db.models import Max

from audiences.models import Channel, MessageClass
from campaigns import compiling, domains, editors, holding, schedule, throttle
from campaigns.body import AudienceFacts, Body, Content, SenderFacts, hash_text, instant
from campaigns.models import (
    BrandContact,
    Campaign,
    Link,
    Message,
    MessageAudience,
    MessageContent,
    MessageVersion,
)
from channels import protocol
from channels.content import FIELDS
from channels.links import Link as TrackedLink
from channels.rendering import Compiled
from engage.orgs.models import OrgSettings, User

NO_SENDER = SenderFacts(id=0, identity="", display_name="", reply_to="", adapter="")


def build(message: Message, campaign: Campaign, settings: OrgSettings) -> Body:
    """The body of the message as its rows say now. Raises `ContentRefused` where its content does not compile."""
    body = outline(message, campaign, settings)
    contents = [
        replace(content, links=[written(link) for link in compile_one(message, content, body).links])
        for content in body.contents
    ]
    return replace(body, contents=contents)


def outline(message: Message, campaign: Campaign, settings: OrgSettings) -> Body:
    """The body without the numbers of its links; of an unfinished draft too."""
    org = message.org
    sender = _sender(message)
    planned = schedule.planned_at(message)
    unset = (
        settings.unset_promotional
        if message.message_class == MessageClass.PROMOTIONAL
        else settings.unset_service
    )
    return Body(
        message=message.pk,
        campaign=campaign.pk,
        unit=campaign.unit_id,
        title=message.title,
        message_class=message.message_class,
        strategy=message.strategy,
        channel=message.channel,
        contents=_contents(message),
        sender=sender,
        audiences=_audiences(message),
        mode=message.mode,
        due_at=instant(planned) if planned else "",
        zone=message.zone,
        campaign_starts_at=instant(campaign.starts_at(settings.zone)),
        campaign_ends_at=instant(campaign.ends_at(settings.zone)),
        control_permille=campaign.control_permille,
        split=campaign.split,
        quiet_from=f"{settings.quiet_from:%H:%M}",
        quiet_until=f"{settings.quiet_until:%H:%M}",
        org_zone=settings.time_zone,
        one_send_per_address=int(settings.one_send_per_address),
        unset_consent=unset,
        short_links=int(message.short_links),
        track_links=int(_tracks_links(message, settings)),
        track_opens=int(settings.open_tracking),
        tracking_url=domains.tracking_url(org),
        send_to_control=int(message.send_to_control),
        ignore_limits=int(message.ignore_limits),
        freeze_audience=message.freeze_audience,
        utm_campaign=campaign.analytics_campaign,
        utm_source=campaign.analytics_source,
        throttle=throttle.written(message),
        copy_group=message.copy_group,
        copies=_copies(message),
        footer_name=settings.legal_name or org.name,
        footer_address=settings.postal_address,
        language=settings.language,
        currency=settings.currency,
        number_format=settings.number_format,
        constants={
            "org.name": org.name,
            "org.legal_name": settings.legal_name or org.name,
            "org.postal_address": settings.postal_address,
            "sender.name": sender.display_name or sender.identity,
            "sender.identity": sender.identity,
            "campaign.name": campaign.name,
            "campaign.start": campaign.start_on.isoformat(),
            "campaign.end": campaign.end_on.isoformat(),
        },
    )


def _tracks_links(message: Message, settings: OrgSettings) -> bool:
    """In a text a click is counted by its short link; whole addresses lead straight there."""
    whole = message.channel == Channel.SMS and not message.short_links
    return message.track_links and settings.link_tracking and not whole


def _sender(message: Message) -> SenderFacts:
    sender = message.sender
    if sender is None:
        return NO_SENDER
    return SenderFacts(
        id=sender.pk,
        identity=sender.identity,
        display_name=sender.display_name,
        reply_to=sender.reply_to,
        adapter=sender.adapter,
    )


def _copies(message: Message) -> list[str]:
    if not message.copy_group:
        return []
    members = BrandContact.objects.for_org(message.org_id).filter(
        group=message.copy_group, channel=message.channel
    )
    return sorted(members.values_list("address", flat=True))


def _contents(message: Message) -> list[Content]:
    """The contents of the message's channel; what was written for another one stays in its row."""
    rows = MessageContent.objects.for_org(message.org_id).filter(message=message, channel=message.channel)
    return [
        Content(
            slot=row.slot,
            variant=row.variant,
            channel=row.channel,
            fields={name: str(row.fields.get(name, "")) for name in FIELDS[row.channel]},
            links=[],
        )
        for row in rows.order_by("slot", "variant")
    ]


def _audiences(message: Message) -> list[AudienceFacts]:
    rows = (
        MessageAudience.objects.for_org(message.org_id)
        .filter(message=message)
        .select_related("audience__current", "pinned")
        .order_by("exclude", "audience_id")
    )
    chosen = [(row, row.pinned or row.audience.current) for row in rows]
    return [
        AudienceFacts(
            audience=row.audience_id,
            version=version.pk,
            digest=version.digest,
            exclude=int(row.exclude),
            kind=row.audience.kind,
        )
        for row, version in chosen
        if version is not None
    ]


def compile_one(message: Message, content: Content, body: Body) -> Compiled:
    """Content as the run would compile it. Raises `ContentRefused`."""
    sender = protocol.SenderFacts(
        id=body.sender.id,
        channel=body.channel,
        adapter=body.sender.adapter,
        identity=body.sender.identity or "sender@example.invalid",
        display_name=body.sender.display_name,
        reply_to=body.sender.reply_to,
    )
    return compiling.compiled(content, sender, compiling.run_facts(message.org, body))


def written(link: TrackedLink) -> str:
    """A link's target for people: with the names of its tags where each customer has another value."""
    return "".join(f"{{{{ {piece.slot.tag.name} }}}}" if piece.slot else piece.text for piece in link.pieces)


def hash_of(body: Body) -> str:
    return hash_text(body.text())


def pin(message: Message) -> None:
    """Hold the audiences' current versions, and count who made one since the message began as its editor (C-28)."""
    rows = MessageAudience.objects.for_org(message.org_id).filter(message=message)
    known = set(
        MessageVersion.objects.for_org(message.org_id)
        .filter(message=message, decided_at__isnull=False, decision__in=["approved", "void"])
        .values_list("body", flat=True)[:1]
    )
    seen = {audience.version for text in known for audience in Body.parse(text).audiences}
    for row in rows.select_related("audience__current__created_by"):
        version = row.audience.current
        row.pinned = version
        row.save(update_fields=["pinned"])
        if version and version.pk not in seen and version.created_at > message.created_at:
            editors.record(message, version.created_by, "audience", at=version.created_at)


def unpin(message: Message) -> None:
    """A draft follows its audiences again."""
    holding.let_go(message)
    MessageAudience.objects.for_org(message.org_id).filter(message=message).update(pinned=None)


def write(
    message: Message,
    campaign: Campaign,
    settings: OrgSettings,
    *,
    by: User,
    at: datetime,
    targeted: int | None,
) -> MessageVersion:
    """Store the body as the next version, with its links by number. Raises `ContentRefused`."""
    body = build(message, campaign, settings)
    text = body.text()
    versions = MessageVersion.objects.for_org(message.org_id).filter(message=message)
    last = versions.aggregate(last=Max("number"))["last"] or 0
    version = MessageVersion.objects.create(
        org_id=message.org_id,
        message=message,
        number=last + 1,
        body=text,
        hash=hash_text(text),
        targeted=targeted,
        submitted_by=by,
        submitted_at=at,
    )
    targets = [target for content in body.contents for target in content.links]
    Link.objects.bulk_create(
        Link(org_id=message.org_id, version=version, number=number, target=target)
        for number, target in enumerate(targets)
    )
    return version


def waiting(message: Message) -> MessageVersion:
    """The version that waits for a decision."""
    return MessageVersion.objects.for_org(message.org_id).get(
        message=message, decision=MessageVersion.Decision.WAITING
    )


def latest(message: Message) -> MessageVersion | None:
    return MessageVersion.objects.for_org(message.org_id).filter(message=message).first()


def reference(message: Message, *, before: MessageVersion) -> MessageVersion | None:
    """What a reader compares a version with: the last approved, else the last submitted before it (C-31)."""
    earlier = MessageVersion.objects.for_org(message.org_id).filter(message=message, number__lt=before.number)
    approved = earlier.filter(decision__in=[MessageVersion.Decision.APPROVED, MessageVersion.Decision.VOID])
    return approved.first() or earlier.first()


def rejection(message: Message) -> MessageVersion | None:
    """The rejection that a draft or a rejected message still has to answer: its last version, if that was rejected."""
    last = latest(message)
    return last if last is not None and last.decision == MessageVersion.Decision.REJECTED else None
