"""Tests to colleagues (C-48): the message as it is now, marked [TEST], untracked, counted in no metric or limit.

A door asks, a task hands over: no transaction is open meanwhile, and a test goes out at most once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from campaigns import colleagues, compiling, merge_sql, versions
from campaigns.body import Body
from campaigns.models import Message, TestContact, TestSend
from channels import senders
from channels.merge import ContentRefused
from channels.models import Sender
from channels.protocol import Outgoing, SenderFacts
from channels.rendering import Compiled
from engage.orgs import audit, due
from engage.orgs.access import Access
from engage.orgs.models import Member, OrgSettings
from engage.orgs.tenancy import org_context

DUE_KIND: Final = "test-send"
MARK: Final = "[TEST]"
DAY: Final = timedelta(hours=24)


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
    body = colleagues.marked(versions.outline(message, message.campaign, settings), MARK)
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


def values_for(
    message: Message,
    body: Body,
    content: Compiled,
    settings: OrgSettings,
    customer_id: int | None,
    typed: Mapping[str, str],
) -> list[str | None]:
    """The customer's values, or the tags' samples; typed ones before both."""
    if customer_id is None:
        found = colleagues.sample_values(message.org_id, body, content)
    else:
        included = compiling.audience_versions(message.org_id, body, exclude=False)
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
    _finish(org_id, test_id, colleagues.hand_over(*prepared))


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
    outgoing = colleagues.write(
        ready.content,
        ready.values,
        org_id=org_id,
        kind=colleagues.Kind.TEST,
        number=test_id,
        address=test.address,
        at=test.begun_at,
    )
    return compiling.approved_sender(ready.body, senders.facts(sender)), outgoing


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
