"""A small world to send in: an org, people with addresses, a list, a sender at the real carrier process, runs."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import Any

from django.db import connection

from audiences.keys import LOOKUP_KEY_SQL, lookup_key
from audiences.models import Audience, AudienceVersion, ContactPoint, Customer, ListMember, Subscription
from campaigns import lifecycle
from campaigns.body import Body
from campaigns.clock import database_now
from campaigns.models import (
    Delivery,
    Message,
    MessageAudience,
    MessageContent,
    MessageVersion,
    Recipient,
    Retry,
    Run,
)
from channels.models import Sender
from channels.secrets import encrypt
from channels.tokens import read_reference
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.local.carriers import Account, Carrier

State = Delivery.State
EMAIL = {
    "subject": 'News for {{ customer.first_name | default: "you" }}',
    "preview": "",
    "html": '<p>Hello {{ customer.city | default: "there" }}. <a href="https://shop.example/new">See it</a></p>'
    '<p><a href="{{ unsubscribe }}">Unsubscribe</a></p>',
    "text": "",
}

_CROWD = (
    """
    INSERT INTO audiences_customer (org_id, id, external_id, first_name, city, do_not_disturb, created_at, updated_at)
    SELECT %(org)s, nextval('audiences_customer_id_seq'), 'M' || n, 'Name' || n %% 97, 'City ' || n %% 31, false, now(),
           now()
    FROM generate_series(1, %(n)s) AS n
    """,
    f"""
    INSERT INTO audiences_contactpoint
        (org_id, customer_id, kind, value, key, is_primary, state, soft_bounces, state_at)
    SELECT org_id, id, 'email', value, {LOOKUP_KEY_SQL.format(kind="'email'", normal="value")}, true, 'unproven', 0,
           now()
    FROM (SELECT org_id, id, 'many' || id || '@example.com' AS value FROM audiences_customer
          WHERE org_id = %(org)s AND external_id LIKE 'M%%') AS people
    """,
    """
    INSERT INTO audiences_listmember (org_id, customer_id, version_id, tags)
    SELECT org_id, id, %(version)s, '{}' FROM audiences_customer WHERE org_id = %(org)s AND external_id LIKE 'M%%'
    """,
)


@dataclass
class World:
    """One org with its people; `address(n)` is how person n is reached."""

    org: Org
    admin: User
    writer: User
    approver: User
    sender: Sender
    account: Account
    audience: Audience
    channel: str = "email"
    people: list[int] = field(default_factory=list)
    excluded: list[Audience] = field(default_factory=list)

    def add_people(self, addresses: list[str | None], **columns: Any) -> list[int]:
        """Customers with these addresses, in the list; None has no contact point."""
        now = database_now()
        kind = "email" if self.channel == "email" else "phone"
        with org_context(self.org.pk), connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval('audiences_customer_id_seq') FROM generate_series(1, %s)", [len(addresses)]
            )
            ids = [row[0] for row in cursor.fetchall()]
            base = {"org": self.org, "created_at": now, "updated_at": now, "first_name": "Asha"} | columns
            Customer.objects.bulk_create(Customer(id=pk, external_id=f"C{pk}", **base) for pk in ids)
            ContactPoint.objects.bulk_create(
                ContactPoint(
                    org=self.org, customer_id=pk, kind=kind, value=address, key=lookup_key(kind, address),
                    state_at=now,
                )
                for pk, address in zip(ids, addresses, strict=True)
                if address is not None
            )  # fmt: skip
            self.put_in_list(ids)
        self.people += ids
        return ids

    def add_crowd(self, number: int) -> None:
        """So many people more, each with an address of their own, by one statement a table."""
        with org_context(self.org.pk), connection.cursor() as cursor:
            version = self.audience.current
            assert version is not None
            for statement in _CROWD:
                cursor.execute(statement, {"org": self.org.pk, "n": number, "version": version.pk})
            cursor.execute("SELECT id FROM audiences_customer WHERE org_id = %s ORDER BY id", [self.org.pk])
            self.people = [row[0] for row in cursor.fetchall()]

    def put_in_list(self, ids: list[int], version: AudienceVersion | None = None) -> None:
        version = version or self.audience.current
        assert version is not None
        ListMember.objects.bulk_create(
            ListMember(org=self.org, customer_id=pk, version_id=version.pk) for pk in ids
        )

    def also_exclude(self, audience: Audience) -> None:
        """Messages made from now on exclude it."""
        self.excluded.append(audience)

    def message(self, **fields: Any) -> Message:
        """An approved message that is due."""
        at = database_now() - timedelta(minutes=3)
        content = fields.pop("content", EMAIL)
        approved_count = fields.pop("approved_count", None)
        frame = made.campaign(self.org, self.writer, at=at, **fields.pop("campaign", {}))
        it = lifecycle.create(
            frame, by=self.writer, at=at, title=f"Message {secrets.token_hex(4)}", sender=self.sender,
            channel=self.channel, **fields,
        )  # fmt: skip
        MessageContent.objects.create(org=self.org, message=it, channel=self.channel, fields=content)
        MessageAudience.objects.create(org=self.org, message=it, audience=self.audience)
        for audience in self.excluded:
            MessageAudience.objects.create(org=self.org, message=it, audience=audience, exclude=True)
        lifecycle.submit(it, by=self.writer, at=at, targeted=approved_count)
        it = Message.objects.for_org(self.org).get(pk=it.pk)
        lifecycle.approve(it, by=self.approver, seen=made.seen(it), at=at)
        return Message.objects.for_org(self.org).get(pk=it.pk)

    def run(self, **fields: Any) -> Run:
        """A run of a new message, Preparing."""
        with org_context(self.org.pk):
            return lifecycle.open_run(self.message(**fields), at=database_now())

    def runs(self, number: int, **fields: Any) -> list[Run]:
        """So many runs, each of a message of its own: the first by the product's own moves, the others copies of it."""
        first = self.run(**fields)
        with org_context(self.org.pk):
            message = Message.objects.for_org(self.org).get(pk=first.message_id)
            version = MessageVersion.objects.for_org(self.org).get(pk=first.version_id)
            body = Body.parse(version.body)
            copies = [copy(message) for _ in range(number - 1)]
            for it in copies:
                it.pk, it.run, it.approved_version, it.title = None, None, None, secrets.token_hex(8)
            Message.objects.bulk_create(copies)
            versions = [copy(version) for _ in copies]
            for it, its_version in zip(copies, versions, strict=True):
                its_version.pk, its_version.message = None, it
                its_version.body = replace(body, message=it.pk, title=it.title).text()
            MessageVersion.objects.bulk_create(versions)
            runs = [copy(first) for _ in copies]
            for it, its_version, run in zip(copies, versions, runs, strict=True):
                run.pk, run.message, run.version = None, it, its_version
            Run.objects.bulk_create(runs)
            for it, its_version, run in zip(copies, versions, runs, strict=True):
                it.run, it.approved_version = run, its_version
            Message.objects.bulk_update(copies, ["run", "approved_version"])
        return [first, *runs]

    def fresh(self, run: Run) -> Run:
        with org_context(self.org.pk):
            return Run.objects.for_org(self.org).select_related("message").get(pk=run.pk)

    def execute(self, sql: str) -> None:
        """A statement in the org's context; `%(org)s` is its number."""
        with org_context(self.org.pk), connection.cursor() as cursor:
            cursor.execute(sql, {"org": self.org.pk})

    def opt_out(self, customer_id: int) -> None:
        """A plain no, as any path of opting out stores it."""
        now = database_now()
        with org_context(self.org.pk):
            Subscription.objects.update_or_create(
                org=self.org, customer_id=customer_id, channel=self.channel, message_class="promotional",
                defaults={"value": False, "at": now, "source": "test"},
            )  # fmt: skip

    def states(self, run: Run) -> Counter[str]:
        """The ledger of a run: how many rows in each state, `reason` after a slash."""
        with org_context(self.org.pk):
            rows = Delivery.objects.for_org(self.org).filter(run_id=run.pk).values_list("state", "reason")
            return Counter(
                f"{State(state).name.lower()}{'/' + reason if reason else ''}" for state, reason in rows
            )

    def accepted(self, run: Run) -> Counter[int]:
        """What the carrier's own file says of a run: how often it accepted each row."""
        return self.accepted_by_run()[run.pk]

    def accepted_by_run(self) -> dict[int, Counter[int]]:
        """The same of every run: run → row → times."""
        found: defaultdict[int, Counter[int]] = defaultdict(Counter)
        for reference in self.account.references():
            key = read_reference(reference)
            assert key.org == self.org.pk
            found[key.run][key.seq] += 1
        return found


def make(carrier: Carrier, people: int = 0, *, channel: str = "email", **settings: Any) -> World:
    """A world with so many people, each with an address of their own. Committed: workers are other processes."""
    slug = f"w{secrets.token_hex(4)}"
    org = factories.OrgFactory.create(slug=slug)
    account = carrier.account(slug, channel=channel, rates={})
    with org_context(org.pk):
        quiet = {"quiet_from": time(0), "quiet_until": time(0), "control_permille": 0}
        OrgSettings.objects.for_org(org).update(**quiet | settings)
    admin, writer, approver = (factories.member(org, role) for role in ("admin", "marketer", "approver"))
    with org_context(org.pk):
        now = database_now()
        sender = Sender.objects.create(
            org=org, channel=channel, name="Sandbox", identity="news@acme.example" if channel == "email" else "ACME",
            display_name="Acme", adapter=f"sandbox-{channel}", config={"account": slug}, secret=encrypt(account.key),
            status=Sender.Status.ACTIVE, is_default=True, created_at=now,
        )  # fmt: skip
        audience = Audience.objects.create(
            org=org,
            kind=Audience.Kind.UPLOAD,
            name="Everybody",
            created_by=writer,
            created_at=now,
            updated_at=now,
        )
        audience.current = AudienceVersion.objects.create(
            org=org,
            audience=audience,
            number=1,
            digest=secrets.token_hex(16),
            created_by=writer,
            created_at=now,
        )
        audience.save()
    world = World(org, admin, writer, approver, sender, account, audience, channel)
    if people:
        world.add_people([address(channel, number) for number in range(people)])
    return world


def address(channel: str, number: int) -> str:
    return f"person{number}@example.com" if channel == "email" else f"+4477{number:08d}"


def check(
    world: World,
    run: Run,
    *,
    unconfirmed_at_most: int = 0,
    settled: bool = True,
    accepted: Counter[int] | None = None,
) -> Counter[str]:
    """Join the carrier's file with our rows: nobody twice, nobody lost, nobody Sent who was not accepted (Q-01, Q-02).

    Returns the ledger's counts. `settled`: the run is over, so everybody has their one row. `accepted`: what the
    carrier's file says of the run, where somebody has read it already.
    """
    with org_context(world.org.pk):
        deliveries = list(
            Delivery.objects.for_org(world.org)
            .filter(run_id=run.pk)
            .values_list("seq", "state", "customer_id")
        )
        queue = set(Recipient.objects.for_org(world.org).filter(run_id=run.pk).values_list("seq", flat=True))
        waiting = Retry.objects.for_org(world.org).filter(run_id=run.pk).count()
    accepted = world.accepted(run) if accepted is None else accepted
    recorded = {seq: state for seq, state, _ in deliveries}
    doubled = {seq: times for seq, times in accepted.items() if times > 1}
    assert not doubled, f"handed over more than once: {doubled}"
    assert len(recorded) == len(deliveries), "a row has two ledger rows"
    sent = {seq for seq, state in recorded.items() if state == State.SENT}
    unconfirmed = {seq for seq, state in recorded.items() if state == State.UNCONFIRMED}
    assert sent <= set(accepted), (
        f"Sent, but the carrier does not have them: {sorted(sent - set(accepted))[:5]}"
    )
    if settled:
        assert set(accepted) <= sent | unconfirmed, "accepted, but the ledger says otherwise"
        assert {seq for seq in recorded if seq > 0} == queue, "somebody has no outcome"
        assert not waiting
        assert len(unconfirmed) <= unconfirmed_at_most, f"{len(unconfirmed)} unconfirmed"
    return world.states(run)
