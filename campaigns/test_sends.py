"""Tests to colleagues (C-48): the message as it is now, marked [TEST], untracked, counted in no metric or limit.

A door asks, a task hands over: no transaction is open meanwhile, and a test goes out at most once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from campaigns import compiling, merge_sql, versions
from campaigns.body import Body
from campaigns.models import Message, ShortLink, TestContact, TestSend
from campaigns.receipts.reports import NO_RUN
from channels import registry, senders
from channels.feed import Batch
from channels.merge import ContentRefused
from channels.models import Sender
from channels.protocol import Outcome, Outgoing, Reason, Result, SenderFacts
from channels.proving import FIXES
from channels.rendering import Compiled
from channels.tokens import RunSigner
from engage.orgs import audit, due
from engage.orgs.access import Access
from engage.orgs.models import Member, OrgSettings
from engage.orgs.tenancy import org_context

DUE_KIND: Final = "test-send"
MARK: Final = "[TEST]"
DAY: Final = timedelta(hours=24)
_MARKED_FIELD: Final = {"email": "subject", "sms": "text"}


class TestRefused(Exception):
    """The test cannot be sent; the text is fit for the user and says what to do."""

    __test__ = False


def left(access: Access, settings: OrgSettings, *, at: datetime) -> int:
    """How many tests the member may still send; the last 24 hours count."""
    sent = TestSend.objects.for_org(access.org).filter(user=access.user, at__gt=at - DAY).count()
    return max(settings.test_sends_per_day - sent, 0)


@transaction.atomic
def ask(
    message: Message,
    contacts: Sequence[TestContact],
    *,
    access: Access,
    settings: OrgSettings,
    at: datetime,
    customer_id: int | None = None,
    values: Mapping[str, str] | None = None,
) -> list[TestSend]:
    """Write the tests down, to be handed over at once. Rendered with a customer's values, or with typed ones.

    Raises `TestRefused`, `NotAllowed`.
    """
    access.require("message.test")
    if not contacts:
        raise TestRefused("Choose at least one test contact.")
    # Two windows of one member share an allowance.
    Member.objects.for_org(access.org).select_for_update(no_key=True).get(pk=access.member_id)
    free = left(access, settings, at=at)
    if len(contacts) > free:
        raise TestRefused(
            f"You can send {free} more tests within 24 hours ({settings.test_sends_per_day} in all), "
            f"and you chose {len(contacts)} contacts."
        )
    if message.sender is None or message.sender.status != Sender.Status.ACTIVE:
        raise TestRefused("Choose an active sender first, in the delivery settings.")
    if any(contact.channel != message.channel for contact in contacts):
        raise TestRefused("A chosen contact has an address of another channel.")
    _compiled(message, settings, customer_id, values or {})
    tests = TestSend.objects.bulk_create(
        TestSend(
            org_id=message.org_id,
            message=message,
            user=access.user,
            address=contact.address,
            customer_id=customer_id,
            values=dict(values or {}),
            at=at,
        )
        for contact in contacts
    )
    for test in tests:
        due.set_due(message.org_id, DUE_KIND, test.pk, at)
    audit.record(
        message.org_id, "message.tested", by=access.user, at=at, target=message, after={"tests": len(tests)}
    )
    return tests


@dataclass(frozen=True)
class _Ready:
    """A test whose content is compiled, with the values that go into it."""

    body: Body
    content: Compiled
    values: Sequence[str | None]


def _compiled(
    message: Message, settings: OrgSettings, customer_id: int | None, typed: Mapping[str, str]
) -> _Ready:
    """Raises `TestRefused` for content that would be refused, or skipped for these values."""
    body = marked(versions.outline(message, message.campaign, settings))
    if not body.contents:
        raise TestRefused("Write the content first.")
    try:
        content = versions.compile_one(message, body.contents[0], body)
    except ContentRefused as refused:
        raise TestRefused(str(refused)) from refused
    values = values_for(message, body, content, settings, customer_id, typed)
    if problem := content.problem(values):
        raise TestRefused(f"With these values it would be skipped: {problem}")
    return _Ready(body, content, values)


def marked(body: Body) -> Body:
    """The body as a test: the mark before the subject or the text, nothing tracked."""
    contents = []
    for content in body.contents:
        name = _MARKED_FIELD[content.channel]
        contents.append(
            replace(content, fields=content.fields | {name: f"{MARK} {content.fields.get(name, '')}"})
        )
    return replace(body, contents=contents, track_links=0, track_opens=0)


def values_for(
    message: Message,
    body: Body,
    content: Compiled,
    settings: OrgSettings,
    customer_id: int | None,
    typed: Mapping[str, str],
) -> list[str | None]:
    """The customer's values, or the tags' samples; typed ones before both."""
    included = compiling.audience_versions(message.org_id, body, exclude=False)
    if customer_id is None:
        tags = merge_sql.catalogue(message.org_id, included)
        found = [tags[slot].sample if slot in tags else None for slot in content.slots]
    else:
        found = merge_sql.values(
            message.org_id, content.slots, included, customer_id=customer_id, zone=settings.time_zone
        )
    return [typed.get(slot) or value for slot, value in zip(content.slots, found, strict=True)]


def hand_over(org_id: int, test_id: int) -> None:
    """Send one test. Marked as begun before its first byte: a second bell, or a lost answer, repeats nothing.

    Call outside any transaction.
    """
    with org_context(org_id):
        prepared = _begin(org_id, test_id)
    if prepared is None:
        return
    facts, outgoing = prepared
    answers: list[Result] = []
    fault = asyncio.run(
        registry.channel_for(facts).send(Batch([outgoing]), lambda _key, result: answers.append(result))
    )
    found = answers[0] if answers else fault
    taken = bool(answers) and answers[0].outcome is Outcome.ACCEPTED
    reason = found.reason if found is not None and found.reason else Reason.UNREACHABLE
    _finish(org_id, test_id, "" if taken else FIXES[reason])


def _begin(org_id: int, test_id: int) -> tuple[SenderFacts, Outgoing] | None:
    rows = TestSend.objects.for_org(org_id).select_for_update(of=("self",), skip_locked=True)
    test = (
        rows.select_related("message__campaign", "message__sender").filter(pk=test_id, begun_at=None).first()
    )
    if test is None:
        return None
    due.clear(org_id, DUE_KIND, test_id)
    test.begun_at = timezone.now()
    test.save(update_fields=["begun_at"])
    settings = OrgSettings.objects.for_org(org_id).get()
    try:
        ready = _compiled(test.message, settings, test.customer_id, test.values)
    except TestRefused as refused:
        _finish(org_id, test_id, str(refused))
        return None
    sender = test.message.sender
    if sender is None:
        _finish(org_id, test_id, "The message has no sender any more.")
        return None
    today = test.begun_at.date()
    render = ready.content.renderer(RunSigner(org=org_id, run_on=today, run=NO_RUN))
    rendered = render(0, test_id, test.address, ready.values, int(test.begun_at.timestamp()))
    ShortLink.objects.bulk_create(
        (
            ShortLink(
                code=code,
                org_id=org_id,
                customer_id=0,
                run_on=today,
                run_id=NO_RUN,
                seq=test_id,
                purpose=purpose,
            )
            for code, purpose in render.short_codes(0, test_id)
        ),
        ignore_conflicts=True,
    )
    facts = compiling.approved_sender(ready.body, senders.facts(sender))
    return facts, Outgoing(test_id, test.address, rendered.body, rendered.reference, rendered.reference)


def _finish(org_id: int, test_id: int, result: str) -> None:
    with org_context(org_id):
        TestSend.objects.for_org(org_id).filter(pk=test_id).update(
            finished_at=timezone.now(), result=result[:300]
        )


def contacts_of(message: Message) -> list[TestContact]:
    """Whom a message can be tested with: contacts with an address of its channel, by group."""
    found = TestContact.objects.for_org(message.org_id).filter(channel=message.channel)
    return list(found.order_by("group", "name"))


def chosen(contacts: Iterable[TestContact], ids: Iterable[int], groups: Iterable[str]) -> list[TestContact]:
    """The contacts ticked one by one or by their group, each once."""
    wanted, grouped = set(ids), set(groups)
    return [
        contact
        for contact in contacts
        if contact.pk in wanted or (contact.group and contact.group in grouped)
    ]
