"""Campaigns and messages for tests, made and moved by the product's own verbs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from audiences.models import Audience, AudienceVersion, Category, Product, Store, Zone
from campaigns import frame, lifecycle, versions
from campaigns.models import Campaign, Message, MessageAudience, MessageContent, Run
from channels.models import Sender
from engage.orgs.access import Access, access_of
from engage.orgs.founding import ready_made, seat_member
from engage.orgs.models import Notice, Org, OrgSettings, OrgUnit, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.factories import NOW

_numbers = count(1)
LONG_REASON = "The subject promises what the offer does not hold."
EMAIL = {
    "subject": 'New season for {{ customer.first_name | default: "you" }}',
    "preview": "Twenty per cent off",
    "html": '<p>Come in. <a href="https://shop.example/new">See it</a></p>'
    '<p><a href="{{ unsubscribe }}">Unsubscribe</a></p>',
    "text": "",
}


def access(user: User, org: Org) -> Access:
    found = access_of(user, org)
    assert found is not None
    return found


def settings_of(org: Org) -> OrgSettings:
    return OrgSettings.objects.for_org(org).get()


def campaign(
    org: Org, by: User, *, at: datetime = NOW, unit: OrgUnit | None = None, days: int = 30, **fields: Any
) -> Campaign:
    """A campaign that starts today."""
    settings = settings_of(org)
    start_on: date = fields.pop("start_on", settings.today(at))
    return frame.create(
        settings,
        access=access(by, org),
        unit=unit,
        at=at,
        start_on=start_on,
        end_on=fields.pop("end_on", start_on + timedelta(days=days)),
        name=fields.pop("name", f"Campaign {next(_numbers)}"),
        **fields,
    )


def sender(org: Org, **fields: Any) -> Sender:
    number = next(_numbers)
    return Sender.objects.create(
        org=org,
        **{
            "channel": "email",
            "name": f"News {number}",
            "identity": f"news{number}@acme.example",
            "display_name": "Acme",
            "adapter": "smtp",
            "status": Sender.Status.ACTIVE,
            "created_at": NOW,
        }
        | fields,
    )


def audience(org: Org, by: User, *, at: datetime = NOW - timedelta(days=1), **fields: Any) -> Audience:
    made = Audience.objects.create(
        org=org,
        **{"kind": Audience.Kind.FILTER, "name": f"Audience {next(_numbers)}"} | fields,
        created_by=by,
        created_at=at,
        updated_at=at,
    )
    new_version(made, by, at=at)
    return made


def new_version(of: Audience, by: User, *, at: datetime) -> AudienceVersion:
    number = AudienceVersion.objects.for_org(of.org_id).filter(audience=of).count() + 1
    version = AudienceVersion.objects.create(
        org_id=of.org_id,
        audience=of,
        number=number,
        tree={"version": 1, "base": {}, "blocks": []},
        digest=f"{of.pk:032x}{number:032x}",
        created_by=by,
        created_at=at,
    )
    of.current = version
    of.save()
    return version


def message(into: Campaign, by: User, *, at: datetime = NOW, **fields: Any) -> Message:
    """A draft that can be submitted."""
    org = into.org
    content = fields.pop("content", EMAIL)
    made = lifecycle.create(
        into,
        by=by,
        at=at,
        **{"title": f"Message {next(_numbers)}", "sender": sender(org)} | fields,
    )
    MessageContent.objects.create(org=org, message=made, channel=made.channel, fields=content)
    MessageAudience.objects.create(org=org, message=made, audience=audience(org, by))
    return made


def seen(of: Message) -> str:
    """The hash that the approval page would show."""
    return versions.hash_of(versions.build(of, of.campaign, settings_of(of.org)))


def catalogue(org: Org) -> None:
    """Something to pick for an objective."""
    with org_context(org.pk):
        food = Category.objects.create(org=org, code="food", name="Food", path=">food>")
        Category.objects.create(org=org, code="food>frozen", name="Frozen", parent=food, path=">food>frozen>")
        Product.objects.create(org=org, code="SKU-1", name="Red coat", category=food)
        north = Zone.objects.create(org=org, code="north", name="North", path=">north>")
        Store.objects.create(org=org, code="S1", name="Pune Camp", zone=north, city="Pune")


def mails_of(org: Org, subject: str) -> list[list[str]]:
    """The receivers of each notice with this subject, in the order they were written."""
    notices = Notice.objects.for_org(org).filter(subject=subject).order_by("pk")
    return [notice.recipients for notice in notices]


def person(org: Org, role: str, *, name: str = "", units: list[OrgUnit] | None = None) -> User:
    """A member who never signs in, so that no password need be hashed."""
    label = name or role.title()
    made = factories.user(label, password=None)
    seat_member(org, made, roles=[ready_made(org, role)], units=units, by=None, at=NOW)
    return made


class Story:
    """Takes a message to any state by the moves that lead there, half an hour apart in the story's own time."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.at = NOW
        self.writer = person(org, "marketer", name="Writer")
        self.approver = person(org, "approver", name="Approver")
        self.admin = person(org, "admin", name="Admin")

    def to(self, status: str, **fields: Any) -> Message:
        frame = campaign(self.org, self.writer, **fields.pop("campaign", {}))
        made = message(frame, self.writer, **fields)
        for step in PATHS[status]:
            getattr(self, step)(made)
            made = Message.objects.for_org(self.org).get(pk=made.pk)
        return made

    def dated(self, *, minutes: int) -> Message:
        """Awaiting approval, due so many minutes after NOW."""
        local = (NOW + timedelta(minutes=minutes)).astimezone(settings_of(self.org).zone)
        into = campaign(self.org, self.writer)
        made = message(into, self.writer, mode="dated", send_on=local.date(), send_time=local.time())
        return lifecycle.submit(made, by=self.writer, at=NOW)

    def submit(self, it: Message) -> None:
        lifecycle.submit(it, by=self.writer, at=self.at, targeted=100)

    def reject(self, it: Message) -> None:
        lifecycle.reject(it, by=self.approver, reason=LONG_REASON, at=self.at)

    def approve(self, it: Message) -> None:
        lifecycle.approve(it, by=self.approver, seen=seen(it), at=self.at)

    def open(self, it: Message) -> Run:
        self.at += timedelta(seconds=60)
        return lifecycle.open_run(it, at=self.at)

    def begin(self, it: Message) -> None:
        assert it.run is not None
        lifecycle.begin_sending(it.run, at=self.at)

    def pause(self, it: Message) -> None:
        lifecycle.pause(it, by=self.writer, at=self.at)

    def block(self, it: Message) -> None:
        lifecycle.block(it, reason="failure_rate", at=self.at)

    def stop(self, it: Message) -> None:
        lifecycle.stop(it, by=self.admin, at=self.at)

    def complete(self, it: Message) -> None:
        assert it.run is not None
        lifecycle.complete(it.run, at=self.at)

    def fail(self, it: Message) -> None:
        assert it.run is not None
        lifecycle.fail(it.run, reason="The audience could not be read.", at=self.at)


_SCHEDULED = ("submit", "approve")
_SENDING = (*_SCHEDULED, "open", "begin")
PATHS: dict[str, tuple[str, ...]] = {
    "draft": (),
    "awaiting": ("submit",),
    "rejected": ("submit", "reject"),
    "scheduled": _SCHEDULED,
    "preparing": (*_SCHEDULED, "open"),
    "sending": _SENDING,
    "paused": (*_SENDING, "pause"),
    "blocked": (*_SENDING, "block"),
    "stopped": (*_SENDING, "stop"),
    "completed": (*_SENDING, "complete"),
    "failed": (*_SCHEDULED, "open", "fail"),
}
